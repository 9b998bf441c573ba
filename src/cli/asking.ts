/** The options of commands that ask a running extender: where it is, and in which form they show what it said. */
import { InvalidArgumentError, Option } from 'commander';

const DEFAULT_URL = 'http://127.0.0.1:8888';

export type Output = 'text' | 'json';

export function urlOption(): Option {
  return new Option('--url <address>', 'of the extender').argParser(httpUrl).default(new URL(DEFAULT_URL), DEFAULT_URL);
}

export function outputOption(): Option {
  return new Option('-o, --output <format>').choices(['text', 'json'] satisfies Output[]).default('text');
}

function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError(`expected an address such as ${DEFAULT_URL}.`);
  }
  return url;
}
