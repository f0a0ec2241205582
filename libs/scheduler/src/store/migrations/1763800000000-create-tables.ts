import type { MigrationInterface, QueryRunner } from 'typeorm';

import { schemaOf } from './schema-of.js';

/** Rows are updated in place many times: room on the page for them, and vacuum before dead entries slow the claims. */
const BUSY = `WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.01)`;

export class CreateTables1763800000000 implements MigrationInterface {
  readonly name = 'CreateTables1763800000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    const schema = schemaOf(queryRunner);
    const statements = [scheduler, node, job, jobDefinition, jobExecution, jobAttempt].flatMap((make) => make(schema));
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    const schema = schemaOf(queryRunner);
    for (const table of ['job_attempt', 'job_execution', 'job_definition', 'job', 'node', 'scheduler'])
      await queryRunner.query(`DROP TABLE ${schema}."${table}"`);
  }
}

function scheduler(schema: string): string[] {
  return [
    `CREATE TABLE ${schema}."scheduler" (
      "uid" uuid NOT NULL,
      "name" text,
      "schema_version" int NOT NULL,
      "compatible_from" int NOT NULL,
      "paused" boolean NOT NULL,
      "paused_reason" text,
      "paused_by" text,
      "paused_at" timestamptz(3),
      CONSTRAINT "scheduler_pkey" PRIMARY KEY ("uid")
    )`,
    `INSERT INTO ${schema}."scheduler" ("uid", "schema_version", "compatible_from", "paused")
      VALUES (gen_random_uuid(), 1, 1, false)`,
  ];
}

function node(schema: string): string[] {
  return [
    `CREATE TABLE ${schema}."node" (
      "incarnation" uuid NOT NULL,
      "node_name" text NOT NULL,
      "host" text NOT NULL,
      "pid" int NOT NULL,
      "version" text NOT NULL,
      "tz_version" text,
      "started_at" timestamptz(3) NOT NULL,
      "beat" bigint NOT NULL,
      "lease_until" timestamptz(3) NOT NULL,
      "capabilities" text[] NOT NULL,
      "definitions" jsonb NOT NULL,
      CONSTRAINT "node_pkey" PRIMARY KEY ("incarnation")
    )`,
  ];
}

function job(schema: string): string[] {
  return [
    `CREATE TABLE ${schema}."job" (
      "id" text NOT NULL,
      "uid" uuid NOT NULL,
      "handler" text NOT NULL,
      "capability" text NOT NULL,
      "description" text,
      "trigger" jsonb,
      "schedule" text NOT NULL,
      "anchor" timestamptz(3) NOT NULL,
      "data" jsonb,
      "state" text NOT NULL,
      "state_reason" text,
      "state_by" text,
      "state_at" timestamptz(3) NOT NULL,
      "orphaned_at" timestamptz(3),
      "next_run_at" timestamptz(3),
      "wake_at" timestamptz(3),
      "last_instant" timestamptz(3),
      "misfire" text NOT NULL,
      "misfire_grace_ms" double precision,
      "overlap" text NOT NULL,
      "max_instances" int NOT NULL,
      "max_queue" int NOT NULL,
      "on_node_loss" text NOT NULL,
      "retry" jsonb NOT NULL,
      "timeout_ms" double precision,
      "jitter_ms" int NOT NULL,
      "priority" int NOT NULL,
      "tags" text[] NOT NULL,
      "run_count" int NOT NULL,
      "max_runs" int,
      "consecutive_failures" int NOT NULL,
      "pause_after_failures" int,
      "source" text NOT NULL,
      "code_hash" text,
      "overridden" text[] NOT NULL,
      "version" int NOT NULL,
      "tz_version" text,
      "created_at" timestamptz(3) NOT NULL,
      CONSTRAINT "job_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "job_uid_key" UNIQUE ("uid"),
      CONSTRAINT "job_state" CHECK (state IN ('active', 'paused', 'finished', 'quarantined')),
      CONSTRAINT "job_misfire" CHECK (misfire IN ('coalesce', 'skip', 'all')),
      CONSTRAINT "job_overlap" CHECK (overlap IN ('skip', 'queue-one', 'queue-all', 'cancel-running')),
      CONSTRAINT "job_on_node_loss" CHECK (on_node_loss IN ('rerun', 'abandon')),
      CONSTRAINT "job_source" CHECK (source IN ('code', 'dynamic'))
    ) ${BUSY}`,
    `CREATE INDEX "job_due" ON ${schema}."job" ("capability", "wake_at") WHERE state = 'active'`,
  ];
}

function jobDefinition(schema: string): string[] {
  return [
    `CREATE TABLE ${schema}."job_definition" (
      "job_id" text NOT NULL,
      "hash" text NOT NULL,
      "definition" jsonb NOT NULL,
      "first_seen_at" timestamptz(3) NOT NULL,
      CONSTRAINT "job_definition_pkey" PRIMARY KEY ("job_id", "hash")
    )`,
  ];
}

function jobExecution(schema: string): string[] {
  return [
    `CREATE TABLE ${schema}."job_execution" (
      "id" uuid NOT NULL,
      "job_id" text NOT NULL,
      "job_uid" uuid NOT NULL,
      "capability" text NOT NULL,
      "kind" text NOT NULL,
      "batch_id" uuid,
      "retry_of" uuid,
      "scheduled_at" timestamptz(3) NOT NULL,
      "until_at" timestamptz(3),
      "instant_count" int NOT NULL,
      "is_catch_up" boolean NOT NULL,
      "status" text NOT NULL,
      "reason" text,
      "attempt" int NOT NULL,
      "max_attempts" int NOT NULL,
      "crashes" int NOT NULL,
      "max_crashes" int NOT NULL,
      "on_node_loss" text NOT NULL,
      "lease_epoch" int NOT NULL,
      "owner" uuid,
      "node_name" text,
      "priority" int NOT NULL,
      "available_at" timestamptz(3) NOT NULL,
      "expires_at" timestamptz(3),
      "cancel_requested_at" timestamptz(3),
      "started_at" timestamptz(3),
      "claimed_at" timestamptz(3),
      "finished_at" timestamptz(3),
      "duration_ms" int,
      "error" jsonb,
      "result" jsonb,
      "progress" jsonb,
      "logs" text[] NOT NULL,
      "data" jsonb,
      CONSTRAINT "job_execution_pkey" PRIMARY KEY ("id"),
      CONSTRAINT "job_execution_owner_fkey" FOREIGN KEY ("owner") REFERENCES ${schema}."node" ("incarnation"),
      CONSTRAINT "job_execution_kind" CHECK (kind IN ('schedule', 'manual', 'backfill')),
      CONSTRAINT "job_execution_status" CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'missed',
        'skipped', 'cancelled', 'timed-out', 'abandoned')),
      CONSTRAINT "job_execution_on_node_loss" CHECK (on_node_loss IN ('rerun', 'abandon')),
      CONSTRAINT "job_execution_lease" CHECK ((status = 'running') = (owner IS NOT NULL)),
      CONSTRAINT "job_execution_end" CHECK ((status IN ('pending', 'running')) = (finished_at IS NULL))
    ) ${BUSY}`,
    ...executionIndexes(`${schema}."job_execution"`),
  ];
}

function executionIndexes(table: string): string[] {
  return [
    `CREATE UNIQUE INDEX "job_execution_fire" ON ${table} ("job_uid", "scheduled_at") WHERE kind = 'schedule'`,
    `CREATE UNIQUE INDEX "job_execution_batch" ON ${table} ("batch_id", "scheduled_at") WHERE kind = 'backfill'`,
    `CREATE INDEX "job_execution_pending" ON ${table} ("capability", "available_at") WHERE status = 'pending'`,
    `CREATE INDEX "job_execution_active" ON ${table} ("job_uid") WHERE status IN ('pending', 'running')`,
    `CREATE INDEX "job_execution_owner" ON ${table} ("owner") WHERE owner IS NOT NULL`,
    `CREATE INDEX "job_execution_finished" ON ${table} ("status", "finished_at")`,
    `CREATE INDEX "job_execution_history" ON ${table} ("job_id", "scheduled_at")`,
  ];
}

function jobAttempt(schema: string): string[] {
  return [
    `CREATE TABLE ${schema}."job_attempt" (
      "execution_id" uuid NOT NULL,
      "lease_epoch" int NOT NULL,
      "attempt" int NOT NULL,
      "node_name" text,
      "started_at" timestamptz(3) NOT NULL,
      "finished_at" timestamptz(3) NOT NULL,
      "error" jsonb,
      CONSTRAINT "job_attempt_pkey" PRIMARY KEY ("execution_id", "lease_epoch")
    )`,
  ];
}
