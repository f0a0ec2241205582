// A process plays many files. A listener that one of them leaves would hide from the others what they are to show.
import { afterAll, expect } from 'vitest';

const EVENTS = ['uncaughtException', 'unhandledRejection', 'SIGINT', 'SIGTERM'] as const;
const listeners = (): string[] => EVENTS.map((event) => `${event} ${process.listenerCount(event)}`);

const before = listeners();
afterAll(() => expect(listeners(), 'The file has to take its listeners off the process again.').toEqual(before));
