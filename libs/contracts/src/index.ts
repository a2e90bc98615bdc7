export { CATALOGUE, publicContracts } from './catalogue.js';
export type { Contract, Params, ParamsInput, Result, Role, ServiceName, Waits } from './contract.js';
export { contract, MIB, PAYLOAD_LIMIT, SERVICES, subjectOf } from './contract.js';
export { messageOf } from './message-of.js';
export type { ErrorCode } from './errors.js';
export { ERROR_CODES, ERRORS, ErrorData, HeroError, Issue, issuesOf, RPC_FAULTS } from './errors.js';
export { EVENT_LIMIT, ExecutorFrame, FRAME_LIMIT, Hello, PlayFrame } from './frames.js';
export {
  isOver,
  HookToken,
  hookCheck,
  hookResume,
  playCancel,
  playDelete,
  playFork,
  playHook,
  playList,
  playPendingResumes,
  playResume,
  playRetry,
  playRunAsync,
  playStart,
  playStatus,
  playWait,
  spanOutputs,
} from './play-methods.js';
export {
  FINAL_STATUSES,
  Forked,
  isFinal,
  PLAY_STATUSES,
  PLAY_TRANSITIONS,
  Play,
  PlayError,
  PlayStatus,
  PlayWait,
  ResumeRequest,
  SandboxReport,
} from './plays.js';
export {
  Diverged,
  ExecutorNudge,
  ExitCause,
  executorLease,
  GroupResult,
  MemoryItem,
  MemoryPage,
  playClaim,
  playEnd,
  playEventsMark,
  playExit,
  playMemory,
  playPause,
  playRelease,
  playResolve,
  playSpawn,
  Question,
  Run,
  StepGroup,
  StepOutcome,
  stepCommit,
  WaitAnswer,
  WaitKind,
  WorkMessage,
} from './runs.js';
export {
  EventsMark,
  playEvents,
  playLogs,
  playSpansMethod,
  spanBegan,
  spanPush,
  spansDelete,
  spansReached,
} from './span-methods.js';
export type { AnyEvent } from './spans.js';
export {
  EmittedEvent,
  EventBatch,
  Log,
  NumberedBatch,
  PlayEvent,
  RuntimeEvent,
  Span,
  SpanError,
  SpanId,
  SpanKind,
  SpanStatus,
} from './spans.js';
export type { ChangeKind } from './subjects.js';
export {
  ALL_PLAY_SPANS,
  ALL_TELEMETRY,
  allChanges,
  change,
  executorNudge,
  INFO_SUBJECT,
  playSpans,
  TELEMETRY_CONSUMER,
  TELEMETRY_STREAM,
  telemetry,
  WORK_CONSUMER,
  WORK_STREAM,
  WORK_SUBJECT,
} from './subjects.js';
export { ServiceInfo, SystemStatus } from './system.js';
export { registryStatus, rpcDiscover, systemStatus } from './system-methods.js';
export {
  Cursor,
  Json,
  JsonObject,
  JsonText,
  Limit,
  Name,
  Ok,
  paged,
  ResumeId,
  Sid,
  Text,
  textFault,
  Time,
} from './values.js';
export {
  ChangedWorkflow,
  flowLibrarySearch,
  inspectSource,
  LibraryHit,
  workflowCreate,
  workflowCreateVersion,
  workflowDelete,
  workflowGet,
  workflowInspect,
  workflowList,
  workflowRevisions,
  workflowSetCurrentVersion,
  workflowUpdate,
  workflowVersionFetch,
  workflowVersionList,
} from './workflow-methods.js';
export {
  DeclaredFlow,
  FIELD_TYPES,
  FlowField,
  Inspection,
  SourceIssue,
  unreadableSource,
  Workflow,
  WorkflowVersion,
} from './workflows.js';
