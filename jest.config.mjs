export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@hero/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  roots: ['<rootDir>/libs', '<rootDir>/apps', '<rootDir>/conformance', '<rootDir>/bench', '<rootDir>/tools'],
  testMatch: ['**/test/**/*.test.ts'],
  globalSetup: '<rootDir>/libs/testing/global-setup.mjs',
  testTimeout: 60_000,
  maxWorkers: 2,
};
