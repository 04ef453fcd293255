import { describe, expect, it } from 'vitest';
import { optionalPeer } from '../../lib/core/optional-peer.js';

const notFound = (name: string) =>
  Object.assign(new Error(`Cannot find package '${name}' imported from x`), { code: 'ERR_MODULE_NOT_FOUND' });

describe('optionalPeer', () => {
  it('loads once', async () => {
    let loads = 0;
    const load = optionalPeer('peer', 'Something', async () => (loads += 1));
    expect([await load(), await load()]).toEqual([1, 1]);
  });

  it('says what to install when the package is absent', async () => {
    const load = optionalPeer('peer', 'Something', () => Promise.reject(notFound('peer')));
    await expect(load()).rejects.toThrow('Something needs the package "peer": install it');
  });

  it('does not call a package absent that is broken, or that lacks a package of its own', async () => {
    const broken = optionalPeer('peer', 'Something', () => Promise.reject(new SyntaxError('bad')));
    await expect(broken()).rejects.toMatchObject({
      message: expect.stringContaining('failed to load'),
      cause: expect.any(SyntaxError),
    });
    const lacking = optionalPeer('peer', 'Something', () => Promise.reject(notFound('other')));
    await expect(lacking()).rejects.toThrow('failed to load');
  });

  it('tries again after a failure', async () => {
    let broken = true;
    const load = optionalPeer('peer', 'Something', async () => {
      if (broken) throw new Error('not yet');
      return 'loaded';
    });
    await expect(load()).rejects.toThrow();
    broken = false;
    await expect(load()).resolves.toBe('loaded');
  });
});
