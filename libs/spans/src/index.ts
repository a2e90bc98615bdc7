export type { LogRow, PlayState } from './play-fold.js';
export { PlayFold } from './play-fold.js';
export type { SpanDetail, SpanState } from './state.js';
export { isOpen, newDetail, SHOWN_LINES } from './state.js';
export type { Snapshot, TreeRow } from './followed-tree.js';
export { SpanTree, spanOf } from './followed-tree.js';
