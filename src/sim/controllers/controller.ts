/** The shape of every controller. */
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import type { TellEvent } from '../event-log.ts';

export type ControllerOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** told of every error that a real controller would only log; nothing stops for it */
  readonly onError?: (error: Error) => void;
  /** writes Events; default: nobody is told */
  readonly tell?: TellEvent;
};

export type Controller = {
  /** Resolves when no call of the controller is under way and none will be. */
  stop(): Promise<void>;
};

/** Resolves when the controller knows what exists and works. */
export type StartController = (options: ControllerOptions) => Promise<Controller>;
