"""The accuracy of artifacts against the untouched reference: plan, check, figures, ladder, blocks."""
