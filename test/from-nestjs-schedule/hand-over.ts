/** Until then the jobs are those of the old release, from then on they are Vigil's. It lies between two fires. */
export const HAND_OVER_AT = new Date(process.env.HAND_OVER_AT ?? '2026-12-07T10:00:01.500Z');
