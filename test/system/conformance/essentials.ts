/**
 * What an adapter over the engine can still get wrong by itself: how texts, parameters, values, errors and transactions
 * pass through its client. The whole catalogue is for `npm run conformance`.
 */
export const essentials: readonly string[] = [
  ...['COMMIT-02', 'COMMIT-03', 'COMMIT-05', 'COMMIT-06', 'COMMIT-09', 'OUTCOME-16'],
  ...['IDEM-01', 'IDEM-03', 'IDEM-12'],
  ...['ERROR-01', 'ERROR-04', 'ERROR-07', 'ERROR-08', 'ERROR-09', 'ERROR-10'],
  ...['STALE-02', 'STALE-05', 'FEED-02', 'FEED-16', 'TENANT-02', 'TENANT-05'],
  ...[
    'VALUE-01',
    'VALUE-02',
    'VALUE-03',
    'VALUE-05',
    'VALUE-06',
    'VALUE-08',
    'VALUE-10',
    'VALUE-15',
    'VALUE-18',
  ],
  ...['QUERY-05', 'QUERY-08', 'QUERY-11', 'QUERY-20', 'QUERY-23'],
  ...['RACE-01', 'RACE-03', 'RACE-05'],
]

/** What a database's default isolation level could change. */
export const isolated: readonly string[] = [
  ...['IDEM-02', 'STALE-02', 'ERROR-09', 'ERROR-10', 'FEED-15', 'FEED-16'],
  ...['RACE-01', 'RACE-02', 'RACE-03', 'RACE-05', 'RACE-06', 'RACE-07', 'RACE-08', 'RACE-10'],
]
