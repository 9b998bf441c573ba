/** Texts of users inside our own: refusals and reasons are read in terminals and logs, which some characters can make lie. */

/** Control characters, and unseen ones that join, hide or turn the direction of what follows; line and paragraph separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The text with every unseen character written as `\uXXXX`. */
export function printable(text: string): string {
  return text.replace(UNSEEN, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
