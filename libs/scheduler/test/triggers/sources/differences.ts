/** Where ours and another system do not agree, each with the words that docs/reference/triggers.md has for it. */
export const DIFFERENCES = {
  repeatedTime: 'A repeated time fires once',
  skippedTime: 'A skipped time fires all the same',
  everyMinuteOfAnHour: 'A restricted hour is restricted, whatever the minutes say',
  eitherDay: 'Two restricted day fields mean either',
  onlyStarIsEvery: 'Only a bare `*` or `?` leaves a day field open',
  questionMark: '`?` is never required',
  noYear: 'There is no field for the year',
  noWeek: 'There is no field for the week',
  sundayIsZero: 'Sunday is 0 or 7',
  noWrapping: 'Ranges do not wrap around',
  longStep: 'A step may be longer than its range',
  openStep: 'A step may follow a single number',
  namesAnywhere: 'Names may stand in lists and ranges',
  nearestWeekday: 'There is no `W`',
  daysBeforeLast: 'There is no `L-3`',
  loneLast: '`L` alone is no day of the week',
  repeatedValue: 'A list names no value twice',
  reboot: '`@reboot` is refused',
  instantHasOffset: 'An instant says its offset',
  jitterDelays: 'Jitter only delays',
  jitterPastEnd: 'An end bounds the instant, not the start',
} as const;

export type DifferenceKey = keyof typeof DIFFERENCES;
