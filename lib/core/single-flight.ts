/**
 * Shares one running promise among all who ask while it runs. A caller that stops waiting does not
 * cancel it for the others.
 *
 * @internal
 */
export class SingleFlight<T> {
  private running: Promise<T> | undefined;

  /** The promise under way, if any. */
  get current(): Promise<T> | undefined {
    return this.running;
  }

  run(work: () => Promise<T>): Promise<T> {
    if (this.running) return this.running;
    const land = () => {
      if (this.running === flight) this.running = undefined;
    };
    const flight = (async () => work())();
    this.running = flight;
    flight.then(land, land);
    return flight;
  }
}
