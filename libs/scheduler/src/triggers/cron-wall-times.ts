import type { CronFieldCollection } from 'cron-parser';
import { CronDays } from './cron-days.js';
import { cronField, type CronField } from './cron-field.js';
import { EARLIEST_MS, LATEST_MS } from './instant.js';
import type { WallTimes } from './wall-clock.js';

const DAY_S = 86_400;

/** The wall-clock times an expression names, with no zone. Found by looking them up, field by field. */
export class CronWallTimes implements WallTimes {
  /** Whether the hour field leaves out some hour of the day. */
  readonly restrictsHours: boolean;
  readonly #second: CronField;
  readonly #minute: CronField;
  readonly #hour: CronField;
  readonly #days: CronDays;

  constructor(fields: CronFieldCollection) {
    this.#second = cronField(fields.second.values, 60);
    this.#minute = cronField(fields.minute.values, 60);
    this.#hour = cronField(fields.hour.values, 24);
    this.#days = new CronDays(fields);
    this.restrictsHours = !this.#hour.isFull;
  }

  next(wallMs: number): number | null {
    if (wallMs >= LATEST_MS) return null;
    const second = Math.floor(Math.max(wallMs, EARLIEST_MS - 1) / 1_000) + 1;
    const day = Math.floor(second / DAY_S);
    const time = this.#days.has(day) ? this.#timeFrom(second - day * DAY_S) : -1;
    if (time >= 0) return inYears((day * DAY_S + time) * 1_000);
    const later = this.#days.from(day + 1);
    return later === null ? null : inYears((later * DAY_S + this.#time(this.#hour.first)) * 1_000);
  }

  previous(wallMs: number): number | null {
    if (wallMs <= EARLIEST_MS) return null;
    const second = Math.ceil(Math.min(wallMs, LATEST_MS + 1) / 1_000) - 1;
    const day = Math.floor(second / DAY_S);
    const time = this.#days.has(day) ? this.#timeUpTo(second - day * DAY_S) : -1;
    if (time >= 0) return inYears((day * DAY_S + time) * 1_000);
    const earlier = this.#days.upTo(day - 1);
    if (earlier === null) return null;
    return inYears((earlier * DAY_S + this.#hour.last * 3_600 + this.#minute.last * 60 + this.#second.last) * 1_000);
  }

  unbrokenUntil(wallMs: number, gridMs: 1 | 1_000): number {
    const second = Math.floor(wallMs / 1_000);
    const day = Math.floor(second / DAY_S);
    const time = second - day * DAY_S;
    if (gridMs < 1_000 || !this.#days.has(day) || this.#timeFrom(time) !== time) return wallMs;
    return (day * DAY_S + this.#unbrokenFrom(day, time)) * 1_000;
  }

  /** The last second of an unbroken stretch, of this day or a later one of its month; a shorter one is as good. */
  #unbrokenFrom(day: number, time: number): number {
    const hour = Math.floor(time / 3_600);
    const minute = Math.floor(time / 60) % 60;
    if (!this.#second.isFull) return time - (time % 60) + this.#second.unbrokenFrom(time % 60);
    if (!this.#minute.isFull) return hour * 3_600 + this.#minute.unbrokenFrom(minute) * 60 + 59;
    if (!this.#hour.isFull) return this.#hour.unbrokenFrom(hour) * 3_600 + 3_599;
    return (this.#days.unbrokenFrom(day) - day) * DAY_S + DAY_S - 1;
  }

  /** The first time of day at or after, in seconds; -1: there is none. */
  #timeFrom(time: number): number {
    const hour = Math.floor(time / 3_600);
    const minute = Math.floor(time / 60) % 60;
    if (this.#hour.has(hour)) {
      const second = this.#minute.has(minute) ? this.#second.from(time % 60) : -1;
      if (second >= 0) return hour * 3_600 + minute * 60 + second;
      const laterMinute = this.#minute.from(minute + 1);
      if (laterMinute >= 0) return hour * 3_600 + laterMinute * 60 + this.#second.first;
    }
    const laterHour = this.#hour.from(hour + 1);
    return laterHour < 0 ? -1 : this.#time(laterHour);
  }

  /** The last time of day at or before, in seconds; -1: there is none. */
  #timeUpTo(time: number): number {
    const hour = Math.floor(time / 3_600);
    const minute = Math.floor(time / 60) % 60;
    if (this.#hour.has(hour)) {
      const second = this.#minute.has(minute) ? this.#second.upTo(time % 60) : -1;
      if (second >= 0) return hour * 3_600 + minute * 60 + second;
      const earlierMinute = this.#minute.upTo(minute - 1);
      if (earlierMinute >= 0) return hour * 3_600 + earlierMinute * 60 + this.#second.last;
    }
    const earlierHour = this.#hour.upTo(hour - 1);
    return earlierHour < 0 ? -1 : earlierHour * 3_600 + this.#minute.last * 60 + this.#second.last;
  }

  /** The first time of an hour. */
  #time(hour: number): number {
    return hour * 3_600 + this.#minute.first * 60 + this.#second.first;
  }
}

function inYears(wallMs: number): number | null {
  return wallMs < EARLIEST_MS || wallMs > LATEST_MS ? null : wallMs;
}
