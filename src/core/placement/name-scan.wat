;; Hot: the inner loop of name-index.ts. Reads `"a","b",…]` and writes the slot of each name; 16 bytes at a time.
;; Assembled by hand into name-scan.ts; a test assembles it again and compares.
;;
;; An entry of the table: $stride bytes a slot, the name's bytes, the rest zero. The hash is that of name-index.ts.
(module
  (memory (export "memory") 1)
  ;; of the table, and where things lie in memory
  (global $skip (export "skip") (mut i32) (i32.const 0))
  (global $window (export "window") (mut i32) (i32.const 0))
  (global $mask (export "mask") (mut i32) (i32.const 0))
  (global $stride (export "stride") (mut i32) (i32.const 0))
  (global $places (export "places") (mut i32) (i32.const 0))
  (global $lengths (export "lengths") (mut i32) (i32.const 0))
  (global $entries (export "entries") (mut i32) (i32.const 0))
  ;; sixteen masks of 16 bytes: the first 0, 1, … 15 of them are set
  (global $masks (export "masks") (mut i32) (i32.const 0))
  ;; where the next slot is written
  (global $out (export "out") (mut i32) (i32.const 0))

  ;; $at: of a name's opening quote. $last: of the closing bracket. Answers $last when all is read, the opening quote of a name
  ;; that is not in the table (or is none), -1 where there is no quote or no comma.
  ;; Up to 272 bytes behind $last are read.
  (func (export "scan") (param $at i32) (param $last i32) (result i32)
    (local $name i32) (local $end i32) (local $bits i32) (local $length i32)
    (local $hash i32) (local $from i32) (local $left i32) (local $word i32) (local $rest i32)
    (local $place i32) (local $slot i32) (local $entry i32) (local $byte i32) (local $whole i32)
    (loop $next
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x22)) (then (return (i32.const -1))))
      (local.set $name (i32.add (local.get $at) (i32.const 1)))
      (local.set $end (local.get $name))
      ;; the closing quote, independent of the table: so that the next name can begin while this one is still looked up
      (loop $more
        (local.set $bits (i8x16.bitmask (i8x16.eq (v128.load (local.get $end)) (v128.const i8x16 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22 0x22))))
        (if (i32.eqz (local.get $bits))
          (then
            (local.set $end (i32.add (local.get $end) (i32.const 16)))
            (br_if $more (i32.lt_u (i32.sub (local.get $end) (local.get $name)) (i32.const 256)))
            (return (local.get $at)))))
      (local.set $end (i32.add (local.get $end) (i32.ctz (local.get $bits))))
      (if (i32.ge_u (local.get $end) (local.get $last)) (then (return (local.get $at))))
      (local.set $length (i32.sub (local.get $end) (local.get $name)))
      ;; hash
      (local.set $hash (i32.const 0x2f0b4c47))
      (local.set $from (i32.add (local.get $name) (global.get $skip)))
      (local.set $left (global.get $window))
      (local.set $rest (i32.sub (local.get $length) (global.get $skip)))
      (block $hashed
        (loop $mix
          (local.set $word (i32.load (local.get $from)))
          (if (i32.lt_s (local.get $rest) (i32.const 4))
            (then
              ;; a word that the name ends in: the bytes behind it are zero
              (local.set $word
                (if (result i32) (i32.le_s (local.get $rest) (i32.const 0))
                  (then (i32.const 0))
                  (else (i32.and (local.get $word)
                    (i32.sub (i32.shl (i32.const 1) (i32.shl (local.get $rest) (i32.const 3))) (i32.const 1))))))
              (local.set $left (i32.const 1))))
          (local.set $hash (i32.mul (i32.xor (i32.rotl (local.get $hash) (i32.const 5)) (local.get $word)) (i32.const 0x9e3779b1)))
          (local.set $from (i32.add (local.get $from) (i32.const 4)))
          (local.set $rest (i32.sub (local.get $rest) (i32.const 4)))
          (br_if $mix (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
      (local.set $place
        (i32.shr_u (i32.mul (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 15))) (i32.const 0x9e3779b1)) (i32.const 8)))
      (block $found
        (loop $probe
          (local.set $place (i32.and (local.get $place) (global.get $mask)))
          (local.set $slot (i32.load (i32.add (global.get $places) (i32.shl (local.get $place) (i32.const 2)))))
          (if (i32.lt_s (local.get $slot) (i32.const 0)) (then (return (local.get $at))))
          (block $other
            (br_if $other (i32.ne (i32.load8_u (i32.add (global.get $lengths) (local.get $slot))) (local.get $length)))
            (local.set $entry (i32.add (global.get $entries) (i32.mul (local.get $slot) (global.get $stride))))
            (local.set $byte (local.get $name))
            (local.set $whole (i32.add (local.get $name) (i32.and (local.get $length) (i32.const 0xf0))))
            (block $compared
              (loop $block
                (br_if $compared (i32.eq (local.get $byte) (local.get $whole)))
                (br_if $other (v128.any_true (v128.xor (v128.load (local.get $byte)) (v128.load (local.get $entry)))))
                (local.set $byte (i32.add (local.get $byte) (i32.const 16)))
                (local.set $entry (i32.add (local.get $entry) (i32.const 16)))
                (br $block)))
            (br_if $other
              (v128.any_true
                (v128.xor
                  (v128.and
                    (v128.load (local.get $byte))
                    (v128.load (i32.add (global.get $masks) (i32.shl (i32.and (local.get $length) (i32.const 15)) (i32.const 4)))))
                  (v128.load (local.get $entry)))))
            (br $found))
          (local.set $place (i32.add (local.get $place) (i32.const 1)))
          (br $probe)))
      (i32.store (global.get $out) (local.get $slot))
      (global.set $out (i32.add (global.get $out) (i32.const 4)))
      (local.set $at (i32.add (local.get $end) (i32.const 1)))
      (if (i32.eq (local.get $at) (local.get $last)) (then (return (local.get $last))))
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x2c)) (then (return (i32.const -1))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    unreachable))
