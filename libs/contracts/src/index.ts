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
  playPayload,
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
  LockedPackage,
  locksNeeded,
  PackageLock,
  playPrepare,
  versionInstallRecord,
  versionLock,
  versionLockRecord,
} from './packages.js';
export { FINAL_STATUSES, isFinal, PLAY_STATUSES, PLAY_TRANSITIONS } from './play-status.js';
export {
  Forked,
  Play,
  PlayError,
  PlayStatus,
  PlayWait,
  ResumeRequest,
  SandboxReport,
} from './plays.js';
export {
  Diverged,
  ExecutorNotice,
  ExitCause,
  executorLease,
  GroupResult,
  MemoryItem,
  MemoryPage,
  MemoryRole,
  playClaim,
  playEnd,
  playEventsMark,
  playExit,
  playMemory,
  playRelease,
  playResolve,
  playSpawn,
  Run,
  StepGroup,
  StepOutcome,
  stepCommit,
  WorkMessage,
} from './runs.js';
export {
  EventsMark,
  playEvents,
  playLogs,
  playSpansMethod,
  SpanCursor,
  spanBegan,
  spanPage,
  spanPush,
  spansDelete,
  spansReached,
} from './span-methods.js';
export type { AnyEvent } from './spans.js';
export {
  EmittedEvent,
  EventBatch,
  HistoryState,
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
  executorNotice,
  INFO_SUBJECT,
  playSpans,
  SELF_SUBJECT,
  TELEMETRY_CONSUMER,
  TELEMETRY_OF_MANY,
  TELEMETRY_STREAM,
  telemetry,
  WORK_CONSUMER,
  WORK_STREAM,
  WORK_SUBJECT,
} from './subjects.js';
export { SearchState, ServiceInfo, SystemStatus } from './system.js';
export { registryStatus, rpcDiscover, systemStatus } from './system-methods.js';
export { keptOf, OBJECTS } from './json.js';
export { RawJson, stringify } from './raw-json.js';
export {
  Cursor,
  INLINE_LIMIT,
  isRef,
  Json,
  JsonObject,
  JsonText,
  Limit,
  Name,
  Ok,
  orRef,
  paged,
  rawJson,
  ResumeId,
  Sid,
  Text,
  textFault,
  Time,
  ValueRef,
} from './values.js';
export {
  ChangedWorkflow,
  flowLibrarySearch,
  IndexedWorkflow,
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
  workflowUse,
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
export { playAsk, playPause, Question, WaitAnswer, WaitKind } from './waits.js';
