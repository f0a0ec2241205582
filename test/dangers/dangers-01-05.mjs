import { contract, engine, spec, statement, store } from './sources.mjs';

export const dangers01to05 = [
  {
    number: 1,
    danger: 'Only due jobs are claimed, and retries, hand-overs and manual runs wait for ever',
    mutants: [
      {
        what: 'a pass does not look for jobs of waiting executions',
        file: store('pass'),
        edits: [['await lockJobsOfWaiting(query, this.tables, this.request, [...isDue])', '[] as typeof due']],
        ...contract('pending', 'is offered to a node that can run it, though its job is not due'),
      },
      {
        what: 'a peek does not see them',
        file: statement('peek'),
        edits: [["instant('least(due.at, waiting.at, backfill.at)')", "instant('due.at')"]],
        ...contract('life', 'sees what waits for a claim, unless its job had no room'),
      },
    ],
  },
  {
    number: 2,
    danger: 'A statement counts with its snapshot from before it had the lock: two runs overlap',
    mutants: [
      {
        what: 'what is active is counted before the lock',
        file: store('pass'),
        edits: [
          [
            'const { jobs: due, missedUntil } = await lockDueJobs(',
            'const all = (await query(`SELECT uid FROM ${this.tables.job}`)).rows.map(({ uid }) => String(uid));\n' +
              'const early = await readActive(query, this.tables, all, 9);\n' +
              'const { jobs: due, missedUntil } = await lockDueJobs(',
          ],
          ['...(active.get(job.uid) ?? none)', '...(early.jobs.get(job.uid) ?? none)'],
        ],
        ...spec('store/typeorm-dangers', 'counts what another node has started since this one began to look'),
      },
      {
        what: 'a due job is taken without its lock',
        file: statement('lock-jobs'),
        edits: [
          ['ORDER BY d.wake_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED', 'ORDER BY d.wake_at LIMIT $2'],
          ['d.wake_at LIMIT $2 FOR NO KEY UPDATE OF d SKIP LOCKED', 'd.wake_at LIMIT $2'],
        ],
        ...spec('store/typeorm-dangers', 'leaves a job alone that somebody has locked'),
      },
      {
        what: 'the job of a waiting execution is taken without its lock',
        file: statement('lock-jobs'),
        edits: [['LIMIT $2 FOR NO KEY UPDATE OF j SKIP LOCKED`', 'LIMIT $2`']],
        ...spec('store/typeorm-dangers', 'leaves a job alone that somebody has locked'),
      },
    ],
  },
  {
    number: 3,
    danger: 'A socket that falls silent leaves locks on the server for hours',
    mutants: [
      {
        what: 'no lock_timeout',
        file: store('connection-keeper'),
        edits: [['${lockTimeout(deadlineMs)};', '']],
        ...spec('store/typeorm-dangers', 'waits for no lock longer than the call'),
      },
      {
        what: 'no statement_timeout',
        file: store('server-timeouts'),
        edits: [['SET LOCAL statement_timeout = ${most}; ', '']],
        ...spec('store/typeorm-dangers', 'runs no statement longer than the call'),
      },
      {
        what: 'no idle_in_transaction_session_timeout',
        file: store('server-timeouts'),
        edits: [['; SET LOCAL idle_in_transaction_session_timeout = ${most}', '']],
        ...spec('store/typeorm-outage', 'does not keep the job locked on the server'),
      },
      {
        what: 'a call has no deadline',
        file: store('lease'),
        edits: [
          [
            'return await withDeadline(clock, deadlineMs, this.guard(work), late);',
            'void late;\nreturn await this.guard(work);',
          ],
        ],
        ...spec('store/typeorm-outage', 'rejects every kind of call within the call timeout'),
      },
    ],
  },
  {
    number: 4,
    danger: 'After a lost answer to COMMIT, what it wrote is read before the transaction is over',
    mutants: [
      {
        what: 'resolve takes no locks',
        file: store('typeorm-job.store'),
        edits: [['await lockJobs(query, this.#tables, jobs);', 'void lockJobs;\nvoid jobs;']],
        ...spec('store/typeorm-outage', 'rejects while the lost transaction still holds the job'),
      },
      {
        what: 'resolve skips what is locked',
        file: statement('lock-jobs'),
        edits: [['ORDER BY uid FOR NO KEY UPDATE`', 'ORDER BY uid FOR NO KEY UPDATE SKIP LOCKED`']],
        ...spec('store/typeorm-outage', 'rejects while the lost transaction still holds the job'),
      },
      {
        what: 'the loop goes on without resolving',
        file: engine('scheduler-loop'),
        edits: [['await this.#resolveLostPass();\n', '']],
        ...spec('engine/late-answers', 'A run that was cancelled while its claim was not answered hears so at once'),
      },
      {
        what: 'a lost pass is forgotten before it is resolved',
        file: engine('scheduler-loop'),
        edits: [
          [
            'const owned = await store.resolve(session.incarnation, this.#unresolved);\n    this.#unresolved = [];',
            'const lost = this.#unresolved;\nthis.#unresolved = [];\n' +
              'const owned = await store.resolve(session.incarnation, lost);',
          ],
        ],
        ...spec('engine/late-answers', 'A run that was cancelled while its claim was not answered hears so at once'),
      },
      {
        what: 'the answer to COMMIT is not waited for',
        file: store('connection-keeper'),
        edits: [
          [
            "const { command } = await query('COMMIT');",
            "const command: string = 'COMMIT';\nvoid query('COMMIT').catch(() => {});",
          ],
        ],
        ...spec('store/typeorm-outage', 'leaves the pass unresolved, and resolve finds the claim'),
      },
    ],
  },
  {
    number: 5,
    danger: "A process with fewer modules boots, and takes the others' jobs for orphans",
    mutants: [
      {
        what: 'what a booting node does not declare is taken out of the schedule',
        file: store('declared-jobs'),
        edits: [
          [
            'const written = await upsertJobs(query, tables, rows);',
            "await query(`UPDATE ${tables.job} SET state = 'finished' WHERE id <> ALL($1::text[])`, [ids]);\n" +
              'const written = await upsertJobs(query, tables, rows);',
          ],
        ],
        ...contract('declared-jobs', 'that another node does not have stay as they are'),
      },
      {
        what: 'the label comes at once',
        file: engine('services/auditor'),
        edits: [['>= ORPHANED_AFTER_MS', '>= 0 * ORPHANED_AFTER_MS']],
        ...spec('engine/auditor', 'that no live node has announced for a day is labelled orphaned, and not sooner'),
      },
      {
        what: 'the label heeds only whether the handler is absent now',
        file: engine('services/auditor'),
        edits: [['if (!unannounced.has(known)) this.#absentMs.delete(known)', 'if (known === undefined) break']],
        ...spec('engine/auditor', 'that was announced in between is absent for less than a day'),
      },
    ],
  },
];
