import { contract, engine, spec, statement, store } from './sources.mjs';

export const dangers16to20 = [
  {
    number: 16,
    danger: 'An outage of a minute aborts everything that runs',
    mutants: [
      {
        what: "what must not run twice is aborted like what may ('abandon')",
        file: engine('dispatcher'),
        edits: [["if (run.execution.onNodeLoss === 'rerun') run.abort(cause)", 'run.abort(cause)']],
        ...spec('engine/life-cycle', 'asks what may run elsewhere to stop, by its own clock and during the outage'),
      },
      {
        what: 'nothing is aborted',
        file: engine('services/lease-renewer'),
        edits: [["if (this.#mayBeOver()) dispatcher.abortRerunnable('lease-lost');", '']],
        ...spec('engine/life-cycle', 'asks what may run elsewhere to stop, by its own clock and during the outage'),
      },
      {
        what: 'the fence does not look at the epoch',
        file: statement('complete-outcomes'),
        edits: [
          ["WHERE e.lease_epoch = v.epoch AND e.status = 'running' FOR", "WHERE e.status = 'running' FOR"],
          ["e.id = v.execution_id AND e.lease_epoch = v.epoch AND e.status = 'running'", 'e.id = v.execution_id'],
        ],
        ...contract('outcomes', 'is fenced off after a takeover, before and after the next claim'),
      },
    ],
  },
  {
    number: 17,
    danger: 'A run that kills its process kills each node that takes it over',
    mutants: [
      {
        what: 'crashes are not counted',
        file: statement('rescue'),
        edits: [['crashes = e.crashes + 1,', 'crashes = e.crashes,']],
        ...contract('nodes', 'gives up a run that has ended three nodes'),
      },
      {
        what: 'a crash spends an attempt',
        file: statement('rescue'),
        edits: [["WHEN lost.becomes = 'pending' THEN 1 ELSE 0 END", "WHEN lost.becomes = 'pending' THEN 0 ELSE 0 END"]],
        ...contract('nodes', 'offers what a dead node ran again, under a new epoch, without spending an attempt'),
      },
    ],
  },
  {
    number: 18,
    danger: 'A frozen transactional handler locks its row, and whoever wants it waits',
    mutants: [
      {
        what: 'a rescuer waits for locked rows',
        file: statement('rescue'),
        edits: [['LIMIT ${BATCH} FOR NO KEY UPDATE SKIP LOCKED', 'LIMIT ${BATCH} FOR NO KEY UPDATE']],
        ...spec('store/typeorm-dangers', 'leaves a row that is locked for the next time, and takes the others'),
      },
      {
        what: 'the server waits without end for a handler that stands still',
        file: store('server-timeouts'),
        edits: [['; SET LOCAL idle_in_transaction_session_timeout = ${most}', '']],
        ...spec('module/transactional-end', 'a handler that stands still loses its locks when its time is over'),
      },
      {
        what: 'they take the slots of all others',
        file: engine('job-settings'),
        edits: [["executor: 'transactional', timeoutMs", "executor: 'default', timeoutMs"]],
        ...spec(
          'module/transactional-module',
          'has an executor and a timeout of its own, which every layer may change',
        ),
      },
      {
        what: 'without a timeout of the row they have none',
        file: engine('dispatcher'),
        edits: [
          [
            'return { ...job, timeoutMs: TRANSACTIONAL_SETTINGS.timeoutMs };',
            'return { ...job, timeoutMs: 2 ** 31 - 1 };',
          ],
        ],
        ...spec('module/transactional-module', 'has a timeout also when it was added where nobody knew its handler'),
      },
      {
        what: "they may take all of the application's connections",
        file: store('connection-share'),
        edits: [['Math.floor(poolSize / 2)', 'poolSize']],
        ...spec('module/transactional-module', 'are half its own, however many runs are due'),
      },
      {
        what: 'the transaction is committed although the run was taken over',
        file: engine('transactional-run'),
        edits: [["if (verdict.kind !== 'written') throw", 'if (run.isOver) throw']],
        ...spec('module/transactional', 'a run that was taken over meanwhile is rolled back, and reported'),
      },
      {
        what: 'a run that was cancelled, or took too long, is committed all the same',
        file: engine('transactional-run'),
        edits: [["return abortCause === 'cancelled' || abortCause === 'timeout';", 'return abortCause === undefined;']],
        ...spec('module/transactional-end', 'rolls back what a handler wrote that returned although it was'),
      },
      {
        what: 'nobody looks whether it is still the transaction that was begun',
        file: store('typeorm-handler-transactions'),
        edits: [['if (rows[0]?.run === this.#mark) return;', 'if (rows.length > 0) return;']],
        ...spec('module/transactional', 'by hand fails, once, and says why'),
      },
      {
        what: 'what a handler left behind goes on writing',
        file: store('handler-manager'),
        edits: [['close: () => void Object.assign(own, { isReleased: true })', 'close: () => {}']],
        ...spec('module/transactional', 'what a handler left behind is refused from the moment it has settled'),
      },
      {
        what: 'the handler commits by itself',
        file: store('handler-manager'),
        edits: [['if (own.transactionDepth <= 1) throw', 'if (own.transactionDepth < 1) throw']],
        ...spec('module/transactional', 'committing with the query runner is refused'),
      },
      {
        what: 'whoever has the row makes the run fail at once',
        file: store('outcomes'),
        edits: [['await lockExecutions(query, this.tables, outcomes);', '']],
        ...spec('store/complete-in', 'waits for whoever has the row, within the lock timeout of the transaction'),
      },
    ],
  },
  {
    number: 19,
    danger: 'A handler that ignores its signal still runs when another one starts',
    mutants: [
      {
        what: 'no grace after the abort',
        file: engine('execution-run'),
        edits: [['const ABORT_GRACE_MS = 5_000;', 'const ABORT_GRACE_MS = 0;']],
        ...spec('engine/misbehaving-handlers', 'holds its slot until its timeout and the grace are over'),
      },
      {
        what: 'a handler that ignores its signal is waited for without end',
        file: engine('execution-run'),
        edits: [
          ['this.#graceOver(over.signal).then(unsettled),', 'this.#graceOver(over.signal).then(forEver),\n'],
          [
            'function unsettled()',
            'const forEver = (): Promise<never> => new Promise(() => {});\nfunction unsettled()',
          ],
        ],
        ...spec('engine/scheduler-engine', 'gives up a handler that ignores its signal when the grace is over'),
      },
      {
        what: 'what is given up at a shutdown is offered at once',
        file: engine('outcome'),
        edits: [["const delayMs = ending.kind === 'unsettled' ? leaseMs : 0;", 'const delayMs = 0 * leaseMs;']],
        ...spec('engine/handed-over', 'ignores its signal is offered again after a lease period'),
      },
      {
        what: 'what is given up after its timeout is offered at once',
        file: engine('outcome'),
        edits: [['Math.max(backoff, run.leaseMs)', 'backoff']],
        ...spec('engine/late-answers', 'A run that did not settle after its timeout is offered again only after'),
      },
    ],
  },
  {
    number: 20,
    danger: "A retry in the same row loses the attempts' history",
    mutants: [
      {
        what: 'a retry keeps no attempt',
        file: statement('complete-outcomes'),
        edits: [["WHERE status = 'pending' ON CONFLICT DO NOTHING", 'WHERE false ON CONFLICT DO NOTHING']],
        ...contract('outcomes', 'keeps the attempt that failed in the history'),
      },
      {
        what: 'a lost lease still writes lines and progress',
        file: store('progress'),
        edits: [
          ["WHERE e.lease_epoch = v.epoch AND e.status = 'running' FOR", "WHERE e.status = 'running' FOR"],
          ["e.id = v.free_id AND e.lease_epoch = v.epoch AND e.status = 'running'", 'e.id = v.free_id'],
        ],
        ...contract('progress', 'of another epoch are dropped'),
      },
      {
        what: 'lines that are written twice are there twice',
        file: store('progress'),
        edits: [['THEN e.logs[1:v.logs_from] || v.lines', 'THEN e.logs || v.lines']],
        ...contract('progress', 'are added in their place, beside the progress'),
      },
      {
        what: 'lines that were not written with the progress are not told again',
        file: engine('run-log'),
        edits: [['lines: all.slice(this.#written) }', 'lines: all.slice(-1) }']],
        ...spec('engine/run-log', 'and nothing is lost when they fail, or their answer is'),
      },
      {
        what: 'a rescue keeps no attempt',
        file: statement('rescue'),
        edits: [["WHERE becomes = 'pending' ON CONFLICT DO NOTHING", 'WHERE false ON CONFLICT DO NOTHING']],
        ...contract('nodes', 'keeps the lost attempt in the history'),
      },
      {
        what: 'what waits for its next attempt is not active',
        file: statement('read-active'),
        edits: [['WHERE ${IS_ACTIVE})', "WHERE e.status = 'running')"]],
        ...contract('pending', 'is what runs and what is offered again; what waits for its first claim is queued'),
      },
    ],
  },
];
