import type { Socket } from 'node:net';

/**
 * Closes `socket` at once, with a reset. `resetAndDestroy` says goodbye first: it waits for a peer that does not read,
 * and loses the handle for ever when the peer's own reset comes meanwhile.
 */
export function resetSocket(socket: Socket): void {
  const sayingGoodbye = socket.writableEnded && !socket.writableFinished;
  // What `resetAndDestroy` sets too. A socket that says goodbye already cannot be reset, only closed.
  if (!socket.connecting && !sayingGoodbye) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
