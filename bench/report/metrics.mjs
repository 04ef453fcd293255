// The metrics of the results, as people read them.

export const METRICS = {
  wall: { title: 'time', unit: 'us', better: 'less' },
  cpu: { title: 'CPU', unit: 'us', better: 'less' },
  rate: { title: 'requests', unit: '/s', better: 'more' },
  requestCpu: { title: 'CPU a request', unit: 'us', better: 'less' },
  slowest: { title: 'slowest', unit: 'ms', better: 'less' },
  typical: { title: 'median', unit: 'ms', better: 'less' },
  slow: { title: 'over 50 ms', unit: '%', better: 'less' },
  failed: { title: 'failed', unit: '', better: 'less' },
  heap: { title: 'heap', unit: 'MB', better: 'less' },
  importMs: { title: 'time', unit: 'ms', better: 'less' },
  importCpuMs: { title: 'CPU', unit: 'ms', better: 'less' },
  fetches: { title: 'fetches a lifetime', unit: '', better: 'less' },
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
