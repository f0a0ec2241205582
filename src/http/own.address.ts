import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where this application listens. */
@Injectable()
export class OwnAddress {
  constructor(private readonly host: HttpAdapterHost) {}

  /** Waits until it listens: jobs start a moment earlier. */
  async url(path: string, signal: AbortSignal): Promise<string> {
    const server = this.host.httpAdapter.getHttpServer() as Server;
    if (!server.listening) await once(server, 'listening', { signal });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  }
}
