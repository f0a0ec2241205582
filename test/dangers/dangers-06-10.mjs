import { contract, engine, MIGRATION, spec, statement, store } from './sources.mjs';

export const dangers06to10 = [
  {
    number: 6,
    danger: 'A node id that survives its process renews the leases of the dead one',
    mutants: [
      {
        what: 'the incarnation is the same for all processes of a name',
        file: engine('node-session'),
        edits: [
          ['#incarnation: string = randomUUID();', "#incarnation: string = '00000000-0000-4000-8000-00000000000a';"],
        ],
        ...spec('engine/dangers', 'of a process that died is not inherited by the one that starts in its place'),
      },
      {
        what: 'a restart keeps the incarnation',
        file: engine('node-session'),
        edits: [['this.#incarnation = randomUUID();\n    this.#isRegistered = false;', 'this.#isRegistered = false;']],
        ...spec('engine/life-cycle', 'leaves nothing of one start to the next'),
      },
      {
        what: 'an incarnation that was judged dead registers again',
        file: engine('node-session'),
        edits: [['if (!alive) await this.startAnew(incarnation);', 'if (!alive) await this.#register();']],
        ...spec('engine/life-cycle', 'is another incarnation when the database has forgotten it'),
      },
      {
        what: 'owner references nothing',
        file: MIGRATION,
        edits: [['FOREIGN KEY ("owner") REFERENCES ${schema}."node" ("incarnation")', 'CHECK (true)']],
        ...contract('pending', 'fails whole for a node that has no row'),
      },
    ],
  },
  {
    number: 7,
    danger: 'One row that cannot be read or written fails its whole batch for ever',
    mutants: [
      {
        what: 'an instant that no Date can hold fails the reading',
        file: store('entity-rows'),
        edits: [['new Date(Math.round(Number(value)))', 'new Date(new Date(Math.round(Number(value))).toISOString())']],
        ...spec('store/typeorm-dangers', 'shows a row that a hand has spoilt beside the others'),
      },
      {
        what: 'a job that cannot be decided fails the pass',
        file: engine('decide'),
        edits: [['return { places, ...NOTHING, quarantine: quarantine(snapshot.job, error) };', 'throw error;']],
        ...spec('engine/decide', 'is quarantined with the reason, and the others go on'),
      },
      {
        what: 'a job that cannot be written fails the pass',
        file: store('pass'),
        edits: [['if (!isUnwritable(error)) throw error;\n      return await', 'throw error;\n      return await']],
        ...spec('store/typeorm-transactions', 'quarantines its job, and the others go on'),
      },
      {
        what: 'an outcome that cannot be written fails its batch',
        file: store('outcomes'),
        edits: [['if (!isUnwritable(error)) throw error;', 'throw error;']],
        ...spec('store/typeorm-transactions', 'does not keep the other outcomes of its batch'),
      },
      {
        what: 'an outcome that cannot be written is written again as it is',
        file: store('outcomes'),
        edits: [['return await this.write([bare(only, error)]);', 'void bare;\nthrow error;']],
        ...contract('outcomes', 'keeps the status whatever the result and the error hold'),
      },
      {
        what: 'what a handler throws, returns and reports is stored as it is',
        file: store('storable'),
        edits: [["return text.replaceAll('\\u0000', '').toWellFormed();", 'return text;']],
        ...spec('engine/dangers', 'What a handler throws, returns and reports is kept without'),
      },
    ],
  },
  {
    number: 8,
    danger: 'A clock that is ahead after a failover makes every lease look over',
    mutants: [
      {
        what: 'a lease that looks over is enough',
        file: engine('services/node-reaper'),
        edits: [
          ['if (suspect?.beat !== beat)', 'await this.#rescue(incarnation, beat);\n      if (suspect?.beat !== beat)'],
        ],
        ...spec('engine/dangers', 'is not over for others because the clock jumped, while the beats go on'),
      },
      {
        what: 'a beat that moved does not clear a suspect',
        file: engine('services/node-reaper'),
        edits: [['if (suspect?.beat !== beat)', 'if (suspect === undefined)']],
        ...spec('engine/dangers', 'is not over for others while its beat moves, however the clock judges'),
      },
      {
        what: 'what was seen before an outage still counts',
        file: engine('scheduler-engine'),
        edits: [['this.#reaper.forget();', '']],
        ...spec('engine/dangers', 'is observed for a whole period after an outage of the observer'),
      },
      {
        what: 'a beat that stands still is enough',
        file: statement('rescue'),
        edits: [['AND lease_until < now() FOR UPDATE', 'FOR UPDATE']],
        ...contract('nodes', 'does nothing while the lease runs'),
      },
      {
        what: 'the beat is not compared under the lock',
        file: statement('rescue'),
        edits: [['AND beat = $2 AND', 'AND $2::text IS NOT NULL AND']],
        ...contract('nodes', 'does nothing when the node has moved since'),
      },
    ],
  },
  {
    number: 9,
    danger: 'More is claimed than there are slots, and waits under a lease',
    mutants: [
      {
        what: 'a claim needs no slot',
        file: engine('places'),
        edits: [['if (free <= 0) return false;', '']],
        ...spec('engine/decide', 'are claimed up to the free slots'),
      },
      {
        what: 'a slot is free before the outcome is written',
        file: engine('dispatcher'),
        edits: [
          [
            'const durationMs = clock.monotonicMs() - run.startedMs;',
            'const durationMs = clock.monotonicMs() - run.startedMs;\nthis.#runs.delete(keyOf(run.execution));',
          ],
        ],
        ...spec('engine/dangers', 'While outcomes cannot be written, no more is claimed than there are slots'),
      },
    ],
  },
  {
    number: 10,
    danger: 'Work that is due and cannot be taken makes a hot loop, or starves the rest',
    mutants: [
      {
        what: 'no pause after a pass that took nothing',
        file: engine('scheduler-loop'),
        edits: [
          [
            'return hasTaken ? 0 : UNTAKEN_WAIT_MS + this.parts.random() * (1_000 - UNTAKEN_WAIT_MS);',
            'void hasTaken;\nreturn 0;',
          ],
        ],
        ...spec('engine/dangers', 'is looked at up to four times a second'),
      },
      {
        what: 'a job without room is looked at all the time',
        file: engine('scheduler-loop'),
        edits: [['this.#blockUntaken(seen, claimed);', 'void claimed;']],
        ...spec('engine/dangers', 'for want of room is looked at once a second'),
      },
      {
        what: 'a blocked job is offered all the same',
        file: statement('lock-jobs'),
        edits: [['AND e.job_uid <> ALL($3::uuid[])', 'AND $3::uuid[] IS NOT NULL']],
        ...contract('pending', 'is not offered while its job is blocked'),
      },
      {
        what: 'what is due of one capability comes before all of another',
        file: statement('lock-jobs'),
        edits: [
          ["ORDER BY ${urgentSinceSql('d.wake_at', 'd.priority')}, d.wake_at LIMIT", 'ORDER BY d.capability LIMIT'],
        ],
        ...contract('pass', 'at what is due longest, however much is due of another capability'),
      },
      {
        what: 'what waits of one capability comes before all of another',
        file: statement('lock-jobs'),
        edits: [['GROUP BY job_uid ORDER BY min(since)', 'GROUP BY job_uid ORDER BY min(since) DESC']],
        ...contract('pending', 'is offered first where it waits longest, however much waits of another capability'),
      },
      {
        what: 'what cannot be decided here is the first in every pass',
        file: engine('scheduler-loop'),
        edits: [['this.#undecided.add(job.uid)', 'void job.uid']],
        ...spec('engine/back-pressure', 'takes no place in the passes of a node with a single slot'),
      },
      {
        what: 'a peek sees what this node cannot run',
        file: statement('peek'),
        edits: [["state = 'active' AND capability = c.capability", "state = 'active'"]],
        ...contract('life', 'tells when the first job that this node can run wakes'),
      },
      {
        what: 'a pass takes what this node cannot run',
        file: statement('lock-jobs'),
        edits: [
          ['AND d.capability = l.capability AND', 'AND'],
          ['AND d.capability = ANY($1::text[])', ''],
        ],
        ...contract('pass', 'not at a job that is for another node, although one of its own is as urgent'),
      },
      {
        what: 'a priority is worth so much that age never wins',
        file: store('urgency'),
        edits: [['const LEVEL_MS = 60_000;', 'const LEVEL_MS = 600_000;']],
        ...spec('engine/priority', 'what has a lower priority waits for the head start of the others'),
      },
      {
        what: 'a priority has no bound',
        file: store('urgency'),
        edits: [['const MOST_LEVELS = 60;', 'const MOST_LEVELS = 1_000_000;']],
        ...contract('urgency', 'is what has waited longest, where each level of priority is worth a minute'),
      },
      {
        what: 'what is due is taken by its age alone',
        file: statement('lock-jobs'),
        edits: [["ORDER BY ${urgentSinceSql('d.wake_at', 'd.priority')}, d.wake_at", 'ORDER BY d.wake_at']],
        ...contract('urgency', 'is what has waited longest, where each level of priority is worth a minute'),
      },
      {
        what: 'jobs beyond the priorities that are looked at are not found',
        file: statement('lock-jobs'),
        edits: [['LIMIT $2 - (SELECT count(*) FROM urgent)', 'LIMIT 0']],
        ...contract('urgency', 'hides nothing that is due, however many priorities there are'),
      },
      {
        what: 'a pass gives its slots by priority alone',
        file: engine('decide'),
        edits: [
          [
            'return first === second ? b.job.priority - a.job.priority : first - second;',
            'void first;\nvoid second;\nreturn b.job.priority - a.job.priority;',
          ],
        ],
        ...spec('engine/priority', 'A pass gives its slot to who waits longest'),
      },
      {
        what: 'an outcome whose row is locked is told again at once',
        hangs: true,
        file: engine('outcome-writer'),
        edits: [['.filter(({ notBeforeMs }) => notBeforeMs <= nowMs)', '.filter(() => nowMs > -1)']],
        ...spec('engine/life-cycle', 'whose row somebody else has locked waits, is told again'),
      },
    ],
  },
];
