// Messages between the tabs of this browser (BroadcastChannel). Where it is blocked, a tab is alone.

export interface Tabs<Message> {
  send(message: Message): void
  close(): void
}

export function connectTabs<Message>(name: string, onMessage: (message: Message) => void): Tabs<Message> {
  try {
    const channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }: MessageEvent<Message>) => onMessage(data)
    return { send: message => channel.postMessage(message), close: () => channel.close() }
  } catch {
    return { send: () => undefined, close: () => undefined }
  }
}
