import { contract, engine, spec, statement, store } from './sources.mjs';

export const dangers21to25 = [
  {
    number: 21,
    danger: 'A pause leaves pending rows, and a resume lets loose what it kept back',
    mutants: [
      {
        what: 'what the schedule made runs in the pause',
        file: statement('offered'),
        edits: [["('active', 'finished')", "('active', 'finished', 'paused', 'quarantined')"]],
        ...contract('pending', 'by schedule stays while its job is'),
      },
      {
        what: 'what a person asked for waits for the resume',
        file: statement('offered'),
        edits: [["e.kind <> 'schedule' OR ", '']],
        ...contract('pending', 'by schedule stays while its job is'),
      },
      {
        what: 'a job that fails again and again is never paused',
        file: statement('count-failures'),
        edits: [['j.consecutive_failures >= j.pause_after_failures', 'j.consecutive_failures < 0']],
        ...contract('outcomes', 'pauses a job with so many failures in a row'),
      },
      {
        what: 'a resume leaves everything due',
        file: 'libs/scheduler/src/module/calls/job-changes.ts',
        edits: [['if (catchUp && job.nextRunAt !== null) {', 'if (catchUp || !catchUp) {']],
        ...spec('module/pause-and-resume', 'record what fell into the pause as missed, and go on after it'),
      },
      {
        what: 'a resume never leaves anything due',
        file: 'libs/scheduler/src/module/calls/job-changes.ts',
        edits: [['if (catchUp && job.nextRunAt !== null) {', 'if (catchUp && !catchUp) {']],
        ...spec('module/pause-and-resume', 'leave what fell into the pause due with catchUp'),
      },
      {
        what: 'a pause of the cluster does not wait for the passes that are under way',
        file: store('pass'),
        edits: [
          ['if (!isShared) return', 'if (isShared) return'],
          ['this.keeper.transaction(inTransaction, { share })', 'this.keeper.transaction(inTransaction)'],
          ['const share = this.tables.pauseLock;', ''],
        ],
        ...spec('store/typeorm-pause', 'comes after a pass that is under way, and nothing is claimed once it is there'),
      },
      {
        what: 'a pass does not look whether the cluster is paused',
        file: statement('lock-jobs'),
        edits: [['`NOT (SELECT paused FROM ${scheduler} LIMIT 1)`', '`(SELECT true FROM ${scheduler} LIMIT 1)`']],
        ...contract('pause', 'keeps everything from a pass'),
      },
      {
        what: 'a pass claims while somebody is about to pause the cluster',
        file: store('pass'),
        edits: [
          ['if (!isShared) return { snapshot: { now, missedUntil: null, jobs: [] }, ...nothing };', 'void isShared;'],
        ],
        ...spec('store/typeorm-pause', 'in a transaction that is open keeps passes from claiming'),
      },
      {
        what: 'what fell into a pause of the cluster runs after it',
        file: engine('due-instants'),
        edits: [['if (missedUntil === null || ', 'if (missedUntil !== null || ']],
        ...spec('engine/misfire', 'the records say so'),
      },
      {
        what: 'a job that runs once is lost when its instant falls into a pause of the cluster',
        file: engine('due-instants'),
        edits: [[' || onlyInstant(trigger) !== null', '']],
        ...spec('engine/misfire', 'the only instant of a schedule is kept'),
      },
      {
        what: 'a short pause of the cluster takes fires that were due only after it',
        file: engine('due-instants'),
        edits: [['wakeAt > missedUntil || ', '']],
        ...spec('engine/cluster-pause', 'that is over takes no fire whose jitter ends after it'),
      },
      {
        what: 'a resume of a cluster that is not paused says that everything due is missed',
        file: store('cluster-pause'),
        edits: [['ELSE ${span} END WHERE paused', 'ELSE ${span} END']],
        ...contract('pause', 'of a cluster that is not paused changes nothing'),
      },
      {
        what: 'a node goes on claiming after its pause',
        file: 'libs/scheduler/src/module/calls/pause.ts',
        edits: [['engine.pauses.nodeIs(note, note);', 'void note;']],
        ...spec('module/cluster-pause', 'of a node are its own, and take no part in the cluster'),
      },
      {
        what: 'the pause of a node does not wait for its pass',
        file: engine('scheduler-loop'),
        edits: [['await this.#passing.catch(() => {});', 'void this.#passing;']],
        ...spec('engine/cluster-pause', 'has started what its last pass has claimed when its pause is there'),
      },
    ],
  },
  {
    number: 22,
    danger: 'Whoever asks for a stop and whoever completes wait for each other',
    mutants: [
      {
        what: 'a request to stop waits for a row that is just ending',
        file: statement('request-cancels'),
        edits: [['FOR NO KEY UPDATE SKIP LOCKED', 'FOR NO KEY UPDATE']],
        ...spec('store/typeorm-dangers', 'asks what runs to stop without waiting for a row that is just ending'),
      },
      {
        what: 'another one is asked to stop in place of one that is just ending',
        file: statement('request-cancels'),
        edits: [['LIMIT w.active)', 'LIMIT w.active FOR NO KEY UPDATE SKIP LOCKED)']],
        ...spec('store/typeorm-dangers', 'asks what runs to stop without waiting for a row that is just ending'),
      },
      {
        what: 'a completion waits for the row of its job',
        file: statement('count-failures'),
        edits: [['uid = ANY($1::uuid[]) FOR NO KEY UPDATE SKIP LOCKED', 'uid = ANY($1::uuid[]) FOR NO KEY UPDATE']],
        ...spec('store/typeorm-locks', 'of a job holds up no outcome, and the failure is counted with the next one'),
      },
      {
        what: 'a completion touches its job though no counter changes',
        file: statement('complete-outcomes'),
        edits: [["v.status = 'succeeded' AND ${endsFailures}", "v.status = 'succeeded'"]],
        ...spec('store/typeorm-dangers', 'that changes no counter does not write the row of its job'),
      },
      {
        what: 'a failure is counted again by everyone who counts',
        file: statement('count-failures'),
        edits: [['SET uncounted = false FROM free', 'SET uncounted = true FROM free']],
        ...contract('outcomes', 'counts failures in a row on the job'),
      },
      {
        what: 'a pass decides before it has counted what ended while somebody had the job',
        file: store('pass'),
        edits: [['hasCounted ? await countFailures(query, this.tables, uncounted) : []', '[]']],
        ...spec('store/typeorm-locks', 'of a job is counted by the next pass over it'),
      },
      {
        what: 'an outcome waits for a row that somebody has locked',
        file: statement('complete-outcomes'),
        edits: [['FOR NO KEY UPDATE OF e SKIP LOCKED', 'FOR NO KEY UPDATE OF e']],
        ...spec('store/typeorm-locks', 'holds up no other outcome: its own is to be told again'),
      },
    ],
  },
  {
    number: 23,
    danger: 'A clock that steps back, a restored backup or pruning brings old instants back',
    mutants: [
      {
        what: 'the last decided instant goes back',
        file: statement('record-and-claim'),
        edits: [['greatest(j.last_instant, a.last_instant)', 'a.last_instant']],
        ...contract('pass', 'the last decided instant forward only'),
      },
      {
        what: 'what was decided is decided again',
        file: engine('due-instants'),
        edits: [['job.lastInstant === null || job.nextRunAt > job.lastInstant', 'true']],
        ...spec('engine/decide', 'is never decided twice, also when a clock or a hand set the row back'),
      },
      {
        what: 'an instant that is recorded already fails the pass',
        file: statement('record-and-claim'),
        edits: [["ON CONFLICT (job_uid, scheduled_at) WHERE kind = 'schedule' DO NOTHING RETURNING", 'RETURNING']],
        ...contract('pass', 'what is new beside an instant that is recorded already'),
      },
      {
        what: 'pruning goes by the instant',
        file: store('retention'),
        edits: [['AND finished_at < now()', 'AND scheduled_at < now()']],
        ...spec('store/typeorm-dangers', 'goes by the end of an execution, however old its instant'),
      },
      {
        what: 'after a restore and a pause of the cluster its jobs run again what is over',
        file: 'libs/scheduler/src/module/calls/pause.ts',
        edits: [['catchUp = false', 'catchUp = true']],
        ...spec('module/cluster-pause', 'go on from now, unless catchUp says that it was lateness'),
      },
    ],
  },
  {
    number: 24,
    danger: 'A manual run that is asked for again runs twice, or waits for a pass',
    mutants: [
      {
        what: 'the id of the caller is not heeded',
        file: store('execution-writes'),
        edits: [
          [
            'if (existing) return checkOwn(existing, own);\n  const job = await readKept(query, tables, jobId);',
            'void existing;\n  const job = await readKept(query, tables, jobId);',
          ],
          [
            'newManualRow(job, execution, await databaseNow(query))',
            'newManualRow(job, { ...execution, id: crypto.randomUUID() }, await databaseNow(query))',
          ],
        ],
        ...contract('executions', 'with the same id again gives the same row, whatever has become of it'),
      },
      {
        what: 'two at once are an error',
        file: store('execution-writes'),
        edits: [["'ON CONFLICT (id) DO NOTHING'", "''"]],
        ...contract('executions', 'at once from two stores with one id makes one row'),
      },
      {
        what: 'it locks the row of the job',
        file: store('execution-writes'),
        edits: [['FOR KEY SHARE`', 'FOR NO KEY UPDATE`']],
        ...spec('store/typeorm-locks', 'waits for no pass'),
      },
      {
        what: 'a backfill reaches into what the schedule runs itself',
        file: engine('backfill'),
        edits: [['first !== null && to >= first', 'first !== null && to > now']],
        ...spec('module/backfill', 'ends before what the schedule will run itself'),
      },
      {
        what: 'a backfill reaches into the future',
        file: engine('backfill'),
        edits: [['if (to > now) {', 'if (to > now && now > to) {']],
        ...spec('module/backfill', 'never reaches into the future, also of a job that is finished'),
      },
      {
        what: 'a backfill believes a next run that was set back',
        file: engine('backfill'),
        edits: [['const first = firstUndecided(job, trigger);', 'void firstUndecided;\nconst first = job.nextRunAt;']],
        ...spec('engine/backfill', 'A backfill ends before the first instant that is not decided'),
      },
      {
        what: 'a batch that is asked for again is planned again',
        file: store('execution-writes'),
        edits: [['if (existing) return submittedOf(existing, batchId, jobId);', 'void existing;']],
        ...contract('backfill', 'of the same batch again submits nothing more, and says what there is'),
      },
      {
        what: 'one batch twice at once is an error',
        file: statement('insert-backfill'),
        edits: [["ON CONFLICT (batch_id, scheduled_at) WHERE kind = 'backfill' DO NOTHING ", '']],
        ...contract('backfill', 'of one batch at once from two stores submits it once'),
      },
      {
        what: 'the id of a retry passes for that of another run',
        file: store('execution-row'),
        edits: [[' && row.retryOf === retryOf', '']],
        ...contract('executions', 'rejects with the id of anything else, and its own id is taken for other runs'),
      },
      {
        what: 'a backfill takes the room of a fire',
        file: engine('decide'),
        edits: [['places.claim(pending.filter((execution) => !isBackfill(execution)))', 'places.claim(pending)']],
        ...spec('engine/decide', 'starts after the fire that is due'),
      },
      {
        what: 'a long backfill hides what else waits',
        file: statement('lock-jobs'),
        edits: [['AND ${IS_WAITING} AND e.capability', 'AND e.capability']],
        ...contract('backfill', 'hides nothing else that waits, however much it is'),
      },
    ],
  },
  {
    number: 25,
    danger: 'An idle node asks more than six times a minute, or stops hearing and does not look',
    mutants: [
      {
        what: 'a beat every second',
        file: engine('services/lease-renewer'),
        edits: [['clock.sleep(leaseMs / 4, signal)', 'clock.sleep(leaseMs / 60, signal)']],
        ...spec('engine/idle-budget', 'An idle node sends at most six statements a minute'),
      },
      {
        what: 'a look every ten seconds',
        file: engine('scheduler-engine'),
        edits: [['const PEEK_EVERY_MS = 60_000;', 'const PEEK_EVERY_MS = 10_000;']],
        ...spec('engine/idle-budget', 'An idle node sends at most six statements a minute'),
      },
      {
        what: 'a node of a paused cluster tries what is due again and again',
        file: engine('scheduler-loop'),
        edits: [['if (pauses.isPaused) return peekMs;', '']],
        ...spec('engine/idle-budget', 'An idle node sends at most six statements a minute'),
      },
      {
        what: 'an audit every half minute',
        file: engine('services/auditor'),
        edits: [['const EVERY_MS = 600_000;', 'const EVERY_MS = 30_000;']],
        ...spec('engine/idle-budget', 'An idle node sends at most six statements a minute'),
      },
      {
        what: 'pruning every five minutes',
        file: engine('services/history-pruner'),
        edits: [['const EVERY_MS = 3_600_000;', 'const EVERY_MS = 300_000;']],
        ...spec('engine/idle-budget', 'An idle node sends at most six statements a minute'),
      },
      {
        what: 'a node that hears nothing looks as seldom as one that does',
        file: engine('scheduler-loop'),
        edits: [['const PEEK_EVERY_DEAF_MS = 1_000;', 'const PEEK_EVERY_DEAF_MS = 60_000;']],
        ...spec('engine/dangers', 'A node that cannot hear notifications looks every second'),
      },
      {
        what: 'no look after a new LISTEN',
        file: store('notifications'),
        edits: [['// Whatever was said before is lost: look once.\n    wake();', '']],
        ...spec('store/typeorm-outage', 'hears a manual run, and nothing from passes and completions'),
      },
      {
        what: 'beats go on another connection than LISTEN, whose silence nobody notices',
        file: store('typeorm-job.store'),
        edits: [['await this.#notifications.run((query) => beat(', 'await this.#keeper.run((query) => beat(']],
        ...spec('store/typeorm-outage', 'rejects when a beat finds its connection silent'),
      },
    ],
  },
];
