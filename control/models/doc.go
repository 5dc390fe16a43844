// Package models changes which versions a model has and which of them serve. It also
// imports versions from MLflow and from a folder.
//
// # Promises
//
//   - Package definitions checks each change and makes it on top of what others apply
//     meanwhile.
//   - A version number is never given to another file, not even after the version was
//     retired.
//   - When an MLflow alias moves, the model follows it. Until it moves again, what a
//     person does to the model stays.
//   - A fault of a source doesn't change what serves. The model's [Status] shows it.
package models
