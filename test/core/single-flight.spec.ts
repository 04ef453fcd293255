import { describe, expect, it } from 'vitest';
import { SingleFlight } from '../../lib/core/single-flight.js';

describe('SingleFlight', () => {
  it('runs the work once for all who ask while it runs', async () => {
    const flight = new SingleFlight<number>();
    let runs = 0;
    const work = async () => (runs += 1);
    const results = await Promise.all([flight.run(work), flight.run(work), flight.run(work)]);
    expect(results).toEqual([1, 1, 1]);
    expect(runs).toBe(1);
  });

  it('starts anew after a landing, good or bad', async () => {
    const flight = new SingleFlight<string>();
    await expect(flight.run(() => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect(flight.current).toBeUndefined();
    await expect(flight.run(async () => 'landed')).resolves.toBe('landed');
  });

  it('turns a synchronous throw into a rejection', async () => {
    const flight = new SingleFlight<never>();
    const broken = () => {
      throw new Error('broken');
    };
    await expect(flight.run(broken)).rejects.toThrow('broken');
  });
});
