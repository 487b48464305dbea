/** @typedef {{kind: "folder"}} KeptFolder */
export {};
