// The metrics of the results, as people read them.

export const METRICS = {
  wall: { title: 'time', unit: 'µs', better: 'less' },
  cpu: { title: 'CPU', unit: 'µs', better: 'less', panel: 'microseconds of CPU' },
  rate: { title: 'requests', unit: '/s', better: 'more', panel: 'requests a second' },
  added: { title: 'CPU added', unit: 'µs', better: 'less', panel: 'microseconds of CPU above an empty guard' },
  requestCpu: { title: 'CPU a request', unit: 'µs', better: 'less' },
  // Of one core: 100 and more say that it is the server that could not do more, not who asks.
  busy: { title: 'server busy', unit: '%', better: 'more' },
  loopDelay: { title: 'event loop, 99 %', unit: 'ms', better: 'less' },
  slowest: { title: 'slowest', unit: 'ms', better: 'less', panel: 'the identity provider takes 500 ms' },
  typical: { title: 'median', unit: 'ms', better: 'less' },
  slow: { title: 'over 50 ms', unit: '%', better: 'less' },
  failed: { title: 'failed', unit: '', better: 'less' },
  heap: { title: 'heap', unit: 'MB', better: 'less' },
  importMs: { title: 'time', unit: 'ms', better: 'less' },
  importCpuMs: { title: 'CPU', unit: 'ms', better: 'less' },
  good: { title: 'good tokens', unit: '', better: 'more' },
  refused: { title: 'good refused', unit: '', better: 'less' },
  blamed: { title: 'of them 401', unit: '', better: 'less' },
  late: { title: 'of them no answer', unit: '', better: 'less' },
  badAccepted: { title: 'bad accepted', unit: '', better: 'less' },
  behind: { title: 'behind schedule', unit: 'ms', better: 'less' },
  fetched: { title: 'fetches', unit: '', better: 'less' },
  headerCpu: { title: 'CPU', unit: 'ms', better: 'less' },
  headerCpuSlow: { title: 'CPU, 99 %', unit: 'ms', better: 'less' },
  fetches: { title: 'fetches a lifetime', unit: '', better: 'less', panel: 'of a set' },
};

/** Three digits, thousands in full. */
export function figure(number) {
  if (!Number.isFinite(number)) return '-';
  const magnitude = Math.abs(number);
  if (magnitude >= 100) return Math.round(number).toLocaleString('en');
  return String(Number(number.toFixed(magnitude >= 10 ? 1 : 2)));
}

export function withUnit(number, unit) {
  return unit ? `${figure(number)}${unit.startsWith('/') || unit === '%' ? '' : ' '}${unit}` : figure(number);
}
