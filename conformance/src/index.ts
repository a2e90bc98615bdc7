export { checkEffects, type EffectsReport, effectsSource } from './effects.js';
export { type FaultPlan, type FaultReport, playFaults } from './faults.js';
export { checkHistories, checkInvariants } from './invariants.js';
export { Street, type StreetOptions, StreetProcess, type StreetService } from './street.js';
