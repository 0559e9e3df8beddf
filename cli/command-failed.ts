// A command that cannot do what it was asked: its message is for the person who typed it, so no stack is shown.

export class CommandFailed extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "CommandFailed";
	}
}
