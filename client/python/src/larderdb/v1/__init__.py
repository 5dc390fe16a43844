"""The messages of Larder's wire contract, generated from api/larder/v1.

``make generate`` at the root of the repository writes these modules again.
"""
