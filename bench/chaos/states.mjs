// States of an identity provider, as data: they are sent to the process that plays them.

/**
 * @typedef {object} State
 * @property {string} kind
 * @property {string[]} [keys]
 * @property {number} [status]
 * @property {Record<string, string>} [headers]
 * @property {number} [delay] milliseconds
 * @property {State} [answer]
 * @property {State} [first]
 * @property {State} [later]
 * @property {State[]} [states]
 */

export const serves = (...keys) => ({ kind: 'serves', keys });
export const status = (code, headers = {}) => ({ kind: 'status', status: code, headers });
export const hangs = () => ({ kind: 'hangs' });
export const stalls = () => ({ kind: 'stalls' });
export const breaksOff = () => ({ kind: 'breaksOff' });
export const resets = () => ({ kind: 'resets' });
/** Nothing listens on the port. These fetches cannot be counted. */
export const closed = () => ({ kind: 'closed' });
export const html = () => ({ kind: 'html' });
export const garbage = () => ({ kind: 'garbage' });
export const redirects = () => ({ kind: 'redirects' });
export const oversized = () => ({ kind: 'oversized' });
export const slow = (delay, answer) => ({ kind: 'slow', delay, answer });
/** The first request gets one answer, all later ones the other. */
export const once = (first, later) => ({ kind: 'once', first, later });
/** The first request gets the first, the second the second, and so on round and round. */
export const edges = (...states) => ({ kind: 'edges', states });
