/** Envoy's response flags, as access logs and metrics show them. The table of errors that carry them stands below as it grows. */
export type ResponseFlag = 'UH' | 'UF' | 'UO' | 'NR' | 'URX' | 'NC' | 'UT' | 'DC' | 'UC' | 'UR' | 'RL' | 'UPE' | 'DPE' | 'SI' | 'UAEX' | 'OM' | 'LR';
