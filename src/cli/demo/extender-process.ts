/** The seam to the real extender: what the demo needs of it, and nothing else. */
export type RunningExtender = {
  /** `http://127.0.0.1:port`, its four verbs below it */
  readonly url: string;
  close(): Promise<void>;
};

/** @param apiServer plain http on loopback */
export type StartExtender = (apiServer: string) => Promise<RunningExtender>;
