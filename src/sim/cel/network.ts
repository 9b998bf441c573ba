/** `url()`, `ip()` and `cidr()` of Kubernetes' CEL. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';

class Url {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

class Ip {
  readonly text: string;
  readonly family: bigint;
  constructor(text: string) {
    this.family = BigInt(isIP(text));
    this.text = text;
    if (this.family === 0n) throw new Error(`IP Address "${text}" parse error during conversion from string`);
  }
  get kind(): 'ipv4' | 'ipv6' {
    return this.family === 6n ? 'ipv6' : 'ipv4';
  }
  toString(): string {
    return this.text;
  }
}

class Cidr {
  readonly address: Ip;
  readonly bits: number;
  readonly #range = new BlockList();
  constructor(text: string) {
    const [address = '', bits = ''] = text.split('/');
    this.bits = /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    this.address = new Ip(address);
    if (this.bits < 0 || this.bits > (isIPv6(address) ? 128 : 32))
      throw new Error(`network address parse error during conversion from string: "${text}"`);
    this.#range.addSubnet(address, this.bits, this.address.kind);
  }
  contains(ip: Ip): boolean {
    return ip.family === this.address.family && this.#range.check(ip.text, ip.kind);
  }
  toString(): string {
    return `${this.address.text}/${this.bits}`;
  }
}

function works(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

function parseUrl(text: string): Url {
  // as in Kubernetes: an absolute URI or an absolute path
  if (text.startsWith('/')) return new Url(new URL(text, 'path:///'));
  if (!URL.canParse(text))
    throw new Error(`URL parse error during conversion from string: parse "${text}": invalid URI for request`);
  return new Url(new URL(text));
}

const inRange = (range: string) => {
  const cidr = new Cidr(range);
  return (ip: Ip) => cidr.contains(ip);
};
const loopback4 = inRange('127.0.0.0/8');
const linkLocal4 = inRange('169.254.0.0/16');
const linkLocal6 = inRange('fe80::/10');

export function registerNetwork(env: Environment): void {
  env
    .registerType('kubernetes.URL', { ctor: Url, fields: {} })
    .registerFunction('url(string): kubernetes.URL', parseUrl)
    .registerFunction('isURL(string): bool', (text: string) => works(() => parseUrl(text)))
    .registerFunction('kubernetes.URL.getScheme(): string', ({ url }: Url) =>
      url.protocol === 'path:' ? '' : url.protocol.slice(0, -1),
    )
    .registerFunction('kubernetes.URL.getHost(): string', ({ url }: Url) => url.host)
    .registerFunction('kubernetes.URL.getHostname(): string', ({ url }: Url) => url.hostname)
    .registerFunction('kubernetes.URL.getPort(): string', ({ url }: Url) => url.port)
    .registerFunction('kubernetes.URL.getEscapedPath(): string', ({ url }: Url) => url.pathname)
    .registerFunction('kubernetes.URL.getQuery(): map<string, list<string>>', ({ url }: Url) =>
      Object.fromEntries([...url.searchParams.keys()].map((key) => [key, url.searchParams.getAll(key)])),
    )
    .registerType('net.IP', { ctor: Ip, fields: {} })
    .registerFunction('ip(string): net.IP', (text: string) => new Ip(text))
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0)
    .registerFunction('net.IP.family(): int', (ip: Ip) => ip.family)
    .registerFunction('net.IP.isLoopback(): bool', (ip: Ip) => loopback4(ip) || ip.text === '::1')
    .registerFunction('net.IP.isUnspecified(): bool', (ip: Ip) => ip.text === '0.0.0.0' || ip.text === '::')
    .registerFunction('net.IP.isLinkLocalUnicast(): bool', (ip: Ip) => linkLocal4(ip) || linkLocal6(ip))
    .registerFunction('string(net.IP): string', String)
    .registerType('net.CIDR', { ctor: Cidr, fields: {} })
    .registerFunction('cidr(string): net.CIDR', (text: string) => new Cidr(text))
    .registerFunction('isCIDR(string): bool', (text: string) => works(() => new Cidr(text)))
    .registerFunction('net.CIDR.ip(): net.IP', (cidr: Cidr) => cidr.address)
    .registerFunction('net.CIDR.prefixLength(): int', (cidr: Cidr) => BigInt(cidr.bits))
    .registerFunction('net.CIDR.containsIP(net.IP): bool', (cidr: Cidr, ip: Ip) => cidr.contains(ip))
    .registerFunction('net.CIDR.containsIP(string): bool', (cidr: Cidr, ip: string) => cidr.contains(new Ip(ip)))
    .registerFunction('string(net.CIDR): string', String);
}
