const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

/** Local, to the second: `14:03:21`. */
export function clockTime(instant: Date): string {
  return CLOCK.format(instant);
}

/** Local, with the day unless it is today: `Tue 24 Nov 02:30:00`. */
export function localTime(instant: Date, now = new Date()): string {
  const isToday = instant.toDateString() === now.toDateString();
  return isToday ? clockTime(instant) : `${DAY.format(instant).replace(',', '')} ${clockTime(instant)}`;
}

/** `in 3 s`, `12 s ago`, `now`. */
export function relativeTime(instant: Date, now = new Date()): string {
  const ms = instant.getTime() - now.getTime();
  if (Math.abs(ms) < 500) return 'now';
  return ms > 0 ? `in ${duration(ms)}` : `${duration(-ms)} ago`;
}

/** One or two units: `4 ms`, `3.2 s`, `2 min 5 s`, `9 h 12 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return twoUnits(seconds, 60, 'min', 1, 's');
  if (seconds < 86_400) return twoUnits(seconds, 3_600, 'h', 60, 'min');
  return twoUnits(seconds, 86_400, 'd', 3_600, 'h');
}

function twoUnits(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${largeName}`;
  return rest === 0 ? first : `${first} ${rest} ${smallName}`;
}

/** The first line, cut where it gets long. */
export function oneLine(text: string, longest = 160): string {
  const line = text.split('\n', 1)[0]?.trim() ?? '';
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}
