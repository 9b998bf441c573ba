/** What `muster cluster` can be told. */
import { InvalidArgumentError } from 'commander';

export type ClusterCommandOptions = {
  /** a file, or what would be in it */
  nodes?: string | readonly unknown[];
  port: number;
  save?: string;
  load?: string;
  saveEvery?: number;
  kubeconfig?: string;
  tls?: boolean;
  authorization?: 'off' | 'rbac';
  scheduler: boolean;
  kubelet: boolean;
  controllers: boolean;
  extender?: string;
  schedulerName: string;
  service: ReadonlyMap<string, string>;
  maxInFlight?: number;
};

/** `muster-system/muster-webhook=127.0.0.1:9443`, may come more than once. */
export function serviceOption(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const match = /^([a-z0-9-]+\/[a-z0-9-]+)=((?:127\.[0-9.]+|localhost):\d{1,5})$/.exec(text);
  if (!match) throw new InvalidArgumentError('expected namespace/name=127.0.0.1:port.');
  return new Map([...before, [match[1]!, match[2]!]]);
}

export function urlOption(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'http:' || !/^(?:127\.[0-9.]+|localhost)$/.test(url.hostname))
    throw new InvalidArgumentError('expected http://127.0.0.1:port, an extender on this machine.');
  return text.replace(/\/+$/, '');
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
    return value;
  };
}
