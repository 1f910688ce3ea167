declare module "react-reconciler";
declare module "react-reconciler/constants.js";
