/** A configuration that no graph can be made of; the message names both ends. */
export class GraphError extends Error {}
