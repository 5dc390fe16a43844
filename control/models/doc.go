// Package models changes which versions a model has and which of them answer, and
// brings versions from where they come by themselves: MLflow and a folder.
//
// # Promises
//
//   - A change is made on top of what others apply meanwhile, by package definitions,
//     which checks it.
//   - The number of a version is never given to another file, not even after the
//     version was retired.
//   - An alias of MLflow is followed when it moves; what a person did since stays.
//   - A fault of a source changes nothing that serves; it is in the model's [Status].
package models
