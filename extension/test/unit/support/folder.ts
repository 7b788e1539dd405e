/** The folder `extension/`. */
export const root = process.env["VACA_EXTENSION"] ?? ".";
