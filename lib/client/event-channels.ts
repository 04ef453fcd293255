import { JwksEvents, type JwksEventListener } from '../core/events.js';

/**
 * Events by what their telling costs: who only wants to hear of sets must not make every request
 * build an event.
 *
 * @internal
 */
export class EventChannels {
  readonly sets = new JwksEvents();
  readonly verified = new JwksEvents();
  readonly rejected = new JwksEvents();

  /** Listens to all of them; returns the function that ends it. */
  subscribe(listener: JwksEventListener): () => void {
    const ends = [this.sets, this.verified, this.rejected].map((channel) => channel.subscribe(listener));
    return () => ends.forEach((end) => end());
  }
}
