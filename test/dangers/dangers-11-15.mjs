import { contract, engine, MIGRATION, spec, store } from './sources.mjs';

export const dangers11to15 = [
  {
    number: 11,
    danger: "misfire 'all' with overlap 'skip' runs the first late instant and skips the rest",
    mutants: [
      {
        what: 'late instants are treated like fires on time',
        file: engine('decide'),
        edits: [["isLate ? 'queue-all' : job.overlap", 'isLate ? job.overlap : job.overlap']],
        ...spec('engine/misfire', 'all runs each, queued'),
      },
      {
        what: 'a late instant that is alone is treated like one on time',
        file: engine('decide'),
        edits: [
          ['fires.length > 1 || now.getTime() - first.getTime() >= jitterMs + LATE_AFTER_MS', 'fires.length > 1'],
        ],
        ...spec('engine/misfire', 'a single one queues while its job runs'),
      },
      {
        what: 'the last of a batch is left alone for the next pass',
        file: engine('due-instants'),
        edits: [['(instants.length < limit || next >= latest)', 'instants.length < limit']],
        ...spec('engine/misfire', 'leave none alone that was due with them'),
      },
      {
        what: 'a pass decides all of them, however many',
        file: engine('due-instants'),
        edits: [['export const MAX_FIRES_PER_PASS = 100;', 'export const MAX_FIRES_PER_PASS = Infinity;']],
        ...spec('engine/misfire', 'are bounded in a pass and go on in the next'),
      },
      {
        what: 'the queue has no end',
        file: engine('places'),
        edits: [['this.#queued < this.snapshot.job.maxQueue', 'this.#queued < Infinity']],
        ...spec('engine/misfire', 'leave the job waiting when its queue is full, and go on from there'),
      },
      {
        what: 'what waited for room in a full queue is skipped',
        file: engine('decide'),
        edits: [["if (place === 'wait') return", "if (place === 'wait' && job.misfire !== 'all') return"]],
        ...spec('engine/outage-of-a-year', 'Late instants of all that wait for room in a full queue'),
      },
    ],
  },
  {
    number: 12,
    danger: 'Coalescing steps through every missed instant: 31 million for a job of every second after a year',
    mutants: [
      {
        what: 'the latest instant is found by stepping',
        file: engine('due-instants'),
        edits: [
          [
            'const latest = trigger.lastAtOrBefore(now, first) ?? first;',
            'let latest = first;\nfor (let next: Date | null = second; next !== null && next <= now; next = nextFire(trigger, next)) latest = next;',
          ],
        ],
        ...spec('engine/misfire', 'one pass decides it in bounded steps and rows'),
      },
      {
        what: 'missed instants are counted to the end',
        file: 'libs/scheduler/src/triggers/misfire.ts',
        edits: [['if (count === limit)', 'if (count === limit + Infinity)']],
        ...spec('engine/misfire', 'one pass decides it in bounded steps and rows'),
      },
      {
        what: 'each missed instant has a record, however many there are',
        file: engine('due-instants'),
        edits: [['export const MAX_RECORDED_SINGLY = 10;', 'export const MAX_RECORDED_SINGLY = Infinity;']],
        ...spec('engine/misfire', 'one pass decides it in bounded steps and rows'),
      },
      {
        what: 'a few missed instants share a record',
        file: engine('due-instants'),
        edits: [['export const MAX_RECORDED_SINGLY = 10;', 'export const MAX_RECORDED_SINGLY = 1;']],
        ...spec('engine/misfire', 'up to 10 have a record each'),
      },
    ],
  },
  {
    number: 13,
    danger: 'A job that is made again loses its fire to the history of its predecessor',
    mutants: [
      {
        what: 'an instant is unique for an id',
        file: MIGRATION,
        edits: [
          [
            `("job_uid", "scheduled_at") WHERE kind = 'schedule'\`,`,
            `("job_uid", "scheduled_at") WHERE kind = 'schedule'\`,\n\`CREATE UNIQUE INDEX "by_id" ON \${table} ("job_id", "scheduled_at")\`,`,
          ],
        ],
        ...contract('declared-jobs', 'a job that was removed and made again has instants of its own'),
      },
      {
        what: 'the uid follows from the id',
        file: engine('job-draft'),
        edits: [
          [
            'uid: randomUUID(),',
            "uid: createHash('md5').update(id).digest('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),",
          ],
        ],
        ...spec('engine/dangers', 'A job that is made again fires at an instant that its predecessor'),
      },
    ],
  },
  {
    number: 14,
    danger: 'The microseconds of an instant do not survive a Date',
    mutants: [
      {
        what: 'next_run_at keeps them',
        file: MIGRATION,
        edits: [['"next_run_at" timestamptz(3)', '"next_run_at" timestamptz']],
        ...spec('store/typeorm-dangers', 'has no more than the milliseconds of a Date, whoever wrote it'),
      },
      {
        what: 'scheduled_at keeps them',
        file: MIGRATION,
        edits: [['"scheduled_at" timestamptz(3)', '"scheduled_at" timestamptz']],
        ...spec('store/typeorm-dangers', 'has no more than the milliseconds of a Date, whoever wrote it'),
      },
    ],
  },
  {
    number: 15,
    danger: 'An old replica restarts during a deploy and restores its trigger',
    mutants: [
      {
        what: 'whoever boots last wins',
        file: engine('reconcile-job'),
        edits: [['codeHash !== inForce || existing.codeHash === inForce', 'existing.codeHash === codeHash']],
        ...spec('engine/dangers', 'is not undone when a replica with the code of before restarts'),
      },
      {
        what: 'a replica writes its version in place of one that waits for the version in force',
        file: engine('reconcile-job'),
        edits: [['codeHash !== inForce || ', '']],
        ...spec('engine/dangers', 'is written by those who have it, and by nobody else'),
      },
      {
        what: 'the version in force is the first seen',
        file: store('declared-jobs'),
        edits: [['d.first_seen_at DESC', 'd.first_seen_at']],
        ...contract('declared-jobs', 'is the newest first seen among live nodes'),
      },
      {
        what: 'dead nodes have a say',
        file: store('declared-jobs'),
        edits: [['n.lease_until > now() AND n.definitions ->>', 'n.definitions ->>']],
        ...contract('declared-jobs', 'does not heed a node whose lease is over'),
      },
      {
        what: 'a restart with the same code undoes an edit',
        file: engine('reconcile-job'),
        edits: [[' || existing.codeHash === inForce', '']],
        ...spec('engine/reconcile-job', 'Code that has not changed'),
      },
      {
        what: 'a deploy that changes something else undoes what an operator changed',
        file: engine('reconcile-job'),
        edits: [['return overridden.filter((name) => !isChanged.has(name));', 'return [];']],
        ...spec('engine/overrides', 'stays when a deploy changes something else'),
      },
      {
        what: 'a node whose code declares the job computes the schedule of its code',
        file: engine('handler-registry'),
        edits: [[' && !job.overridden.includes(SCHEDULE)', '']],
        ...spec('engine/overrides', 'is run by the other node by its new schedule'),
      },
      {
        what: 'nobody looks again when nodes leave, and a rollback waits for a restart',
        file: engine('services/definition-keeper'),
        edits: [['if (isSame && this.#isChanged) this.#look();', '']],
        ...spec('engine/deploy', 'that is rolled back converges to the old version, also when no old replica restarts'),
      },
    ],
  },
];
