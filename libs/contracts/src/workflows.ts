/** Shapes of workflows, versions and their inputs. */
import { z } from 'zod';
import { Json, JsonObject, Sid, Time } from './values.js';

export const FIELD_TYPES = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'any'] as const;

/** One input or output of a flow, as its `@flow` declares it. */
export const FlowField = z.object({
  name: z.string(),
  field_type: z.enum(FIELD_TYPES),
  required: z.boolean(),
  default: Json.optional(),
  description: z.string().optional(),
  enum: z.array(Json).optional(),
  schema: JsonObject.optional().describe('JSON Schema that the value must also satisfy.'),
});
export type FlowField = z.infer<typeof FlowField>;

export const Workflow = z.object({
  sid: Sid,
  name: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  inputs: z.array(FlowField).describe('Inputs of the current version.'),
  outputs: z.array(FlowField).describe('Outputs of the current version.'),
  current_version_sid: Sid,
  current_version_number: z.int(),
  created_at: Time,
  updated_at: Time,
});
export type Workflow = z.infer<typeof Workflow>;

/** What the requirements of a version were resolved to, for one kind of interpreter and platform. */
const VersionPackages = z.object({
  target: z.string().describe('For example `cpython-3.11-linux-x86_64`.'),
  resolved: z
    .array(z.string())
    .nullable()
    .describe('Every package that is installed, as `name==version`; null: not resolved.'),
  resolved_at: Time.nullable(),
  error: z.string().nullable().describe('Why they could not be installed the last time that this was tried.'),
});

export const WorkflowVersion = z.object({
  sid: Sid,
  workflow_sid: Sid,
  number: z.int(),
  python_source: z.string(),
  entry: z.string().describe('Name of the Python function that a play calls.'),
  inputs: z.array(FlowField),
  outputs: z.array(FlowField),
  requirements: z.array(z.string()),
  packages: z.array(VersionPackages).describe('By target; empty until a play first needs them.'),
  source_sha256: z.string(),
  notes: z.string(),
  created_at: Time,
});
export type WorkflowVersion = z.infer<typeof WorkflowVersion>;

export const SourceIssue = z.object({
  line: z.int(),
  column: z.int(),
  message: z.string(),
  severity: z.enum(['error', 'warning']),
});
export type SourceIssue = z.infer<typeof SourceIssue>;

/** One `@flow` declaration found in a source. */
export const DeclaredFlow = z.object({
  name: z.string(),
  function: z.string(),
  line: z.int(),
  is_async: z.boolean(),
  source_sha256: z
    .string()
    .describe('Hash of the function’s source text: a fork keeps the steps of functions that did not change.'),
  docstring: z.string().optional().describe('The beginning of the function’s docstring.'),
});
export type DeclaredFlow = z.infer<typeof DeclaredFlow>;

/** The result of parsing a source without running it. `entry` is null if the source has no entry flow. */
export const Inspection = z.object({
  entry: z.string().nullable(),
  name: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  inputs: z.array(FlowField),
  outputs: z.array(FlowField),
  flows: z.array(DeclaredFlow),
  requirements: z.array(z.string()),
  options: JsonObject.describe('Options of the entry flow that concern the runtime, e.g. sandbox, durability, grants.'),
  issues: z.array(SourceIssue),
});
export type Inspection = z.infer<typeof Inspection>;

/** Inspection of a source that could not be parsed. */
export const unreadableSource = (issues: SourceIssue[]): Inspection => ({
  entry: null,
  name: '',
  description: '',
  tags: [],
  inputs: [],
  outputs: [],
  flows: [],
  requirements: [],
  options: {},
  issues,
});
