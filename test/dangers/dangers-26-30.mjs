import { audit, contract, engine, spec, statement, store } from './sources.mjs';

export const dangers26to30 = [
  {
    number: 26,
    danger: 'Every notification holds up the commits of others',
    mutants: [
      {
        what: 'also of what others look at in time',
        file: store('notifications'),
        edits: [['wakeAt.getTime() <= soon', 'soon > 0']],
        ...spec('store/typeorm-dangers', 'by nothing that they look at in time by themselves'),
      },
      {
        what: 'one for each job of a transaction',
        file: store('notifications'),
        edits: [['await notify(query, tables);\n}', 'for (const _ of jobs) await notify(query, tables);\n}']],
        ...spec('store/typeorm-dangers', 'by a change of what is due soon, once for each transaction'),
      },
      {
        what: 'each with a payload of its own, so that PostgreSQL cannot make one of several',
        file: store('notifications'),
        edits: [["pg_notify($1, '')", 'pg_notify($1, gen_random_uuid()::text)']],
        ...spec('store/typeorm-dangers', 'through the connection on which they listen'),
      },
      {
        what: 'none at all',
        file: store('notifications'),
        edits: [["await query(`SELECT pg_notify($1, '')`, [channel]);", 'void query;\nvoid channel;']],
        ...spec('store/typeorm-dangers', 'through the connection on which they listen'),
      },
      {
        what: 'from a pass',
        file: store('pass'),
        edits: [
          [
            'const { records, advances, quarantines, claims } = decisions;',
            'await notify(query, this.tables);\nconst { records, advances, quarantines, claims } = decisions;',
          ],
        ],
        ...spec('store/typeorm-dangers', 'neither by a pass nor by an outcome'),
      },
      {
        what: 'from a completion',
        file: store('outcomes'),
        edits: [
          [
            'const jobs = new Set(done',
            "await query('SELECT pg_notify($1, $2)', [this.tables.channel, '']);\nconst jobs = new Set(done",
          ],
        ],
        ...spec('store/typeorm-dangers', 'neither by a pass nor by an outcome'),
      },
    ],
    later: 'receivers look at once: no jitter spreads the looks that one notification sets off',
  },
  {
    number: 27,
    danger: 'Outcomes that cannot be written fill the memory',
    mutants: [
      {
        what: 'claiming goes on',
        file: engine('dispatcher'),
        edits: [
          [
            'writer.add(outcome, (verdict) => this.#written(run, outcome, verdict));\n  }\n\n  /** Claimed too late',
            'this.#runs.delete(keyOf(execution));\nwriter.add(outcome, (verdict) => this.#written(run, outcome, verdict));\n  }\n\n  /** Claimed too late',
          ],
        ],
        ...spec('engine/dangers', 'While outcomes cannot be written, no more is claimed than there are slots'),
      },
      {
        what: 'an outcome is dropped when its write fails',
        file: engine('outcome-writer'),
        edits: [
          [
            'const verdicts = await this.store.complete(',
            'for (const { outcome } of batch) this.#waiting.delete(leaseKey(outcome));\nconst verdicts = await this.store.complete(',
          ],
        ],
        ...spec('engine/faults', 'its outcome is written when the database is back after ten minutes'),
      },
    ],
  },
  {
    number: 28,
    danger: "An interval's anchor is reset by each deploy",
    mutants: [
      {
        what: 'the interval is counted from the deploy',
        file: engine('reconcile-job'),
        edits: [['triggerFor(draft.schedule, row.anchor)', 'triggerFor(draft.schedule, now)']],
        ...spec('engine/dangers', 'leaves an interval its anchor'),
      },
      {
        what: 'the anchor is not kept',
        file: engine('reconcile-job'),
        edits: [['anchor: existing.anchor,\n', '']],
        ...spec('engine/dangers', 'leaves an interval its anchor'),
      },
      {
        what: 'the anchor is part of what tells two versions apart',
        file: engine('job-draft'),
        edits: [
          [
            "schedule.kind === 'trigger' ? [schedule.trigger, schedule.maxRuns, schedule.jitterMs]",
            "schedule.kind === 'trigger' ? [schedule.trigger, randomUUID(), schedule.jitterMs]",
          ],
        ],
        ...spec('engine/dangers', 'leaves an interval its anchor'),
      },
    ],
  },
  {
    number: 29,
    danger: 'A pending row that is stuck makes overlap skip for ever',
    mutants: [
      {
        what: 'nothing expires',
        file: statement('audit'),
        edits: [["return `e.status = 'pending' AND e.expires_at <= now()`", 'return `false`']],
        ...audit('ends what never started in time as missed'),
      },
      {
        what: 'what is seen once is repaired',
        file: engine('services/auditor'),
        edits: [['return nowMs - seenMs >= this.parts.leaseMs;', 'return nowMs >= seenMs;']],
        ...spec('engine/auditor', 'repairs what it has seen twice, and nothing that it has seen once'),
      },
      {
        what: 'less than a lease period passes between the two',
        file: engine('services/auditor'),
        edits: [['return nowMs - seenMs >= this.parts.leaseMs;', 'return nowMs > seenMs;']],
        ...spec('engine/auditor', 'lets a lease period pass between the two'),
      },
      {
        what: 'a repair does not look again under its lock',
        file: store('audit'),
        edits: [['AND e.lease_epoch = $2 AND ${isFinding(what, tables)}', 'AND $2::int IS NOT NULL']],
        ...audit('leaves a row that was claimed since, one that is in another state'),
      },
    ],
    later: 'no option sets expires_at yet; the column can be set with SQL',
  },
  {
    number: 30,
    danger: 'Two schedulers share a schema, and two boots migrate it at once',
    mutants: [
      {
        what: 'another name is not noticed',
        file: store('schema-guard'),
        edits: [['if (name !== schedulerName)', "if (name === '')"]],
        ...spec('store/typeorm-open', 'refuses a second scheduler in one schema'),
      },
      {
        what: 'migrations without a lock',
        file: store('schema-guard'),
        edits: [['await query(`SELECT pg_advisory_xact_lock($1)`, [MIGRATION_LOCK]);', 'void MIGRATION_LOCK;']],
        ...spec('store/typeorm-open', 'is made once by eight processes that boot at the same time'),
      },
      {
        what: 'migrations within the deadline of a call',
        file: store('schema-guard'),
        edits: [['{ deadlineMs: MIGRATION_DEADLINE_MS, source }', '{ source }']],
        ...spec('store/typeorm-dangers', 'take longer than a call may, and wait for those of another boot'),
      },
      {
        what: 'a newer compatible schema is refused',
        file: store('schema-guard'),
        edits: [['if (compatibleFrom > SCHEMA_VERSION)', 'if (schemaVersion > SCHEMA_VERSION)']],
        ...spec('store/typeorm-open', 'runs on a newer schema that says it is compatible'),
      },
      {
        what: 'finished run-time jobs stay, and so do their ids',
        file: store('retention'),
        edits: [['[pruneJobs(tables), [otherMs]],', '']],
        ...contract('history', 'deletes run-time jobs that have finished, and frees their ids'),
      },
      {
        what: 'older zone data compute again what newer ones have',
        file: 'libs/scheduler/src/store/statements/audit.ts',
        edits: [['j.tz_version COLLATE "C" < $2', 'j.tz_version COLLATE "C" <> $2']],
        ...audit('tells which ones by the wall clock are more than a day away'),
      },
      {
        what: 'newer zone data move what is due within a day',
        file: 'libs/scheduler/src/engine/services/newer-zones.ts',
        edits: [[' || nextRunAt.getTime() - now.getTime() <= ZONES_SETTLED_MS', '']],
        ...spec('engine/newer-zones', 'never bring back an instant that was decided, and skip none'),
      },
    ],
  },
];
