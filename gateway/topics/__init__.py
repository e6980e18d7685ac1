"""The machine of a topic and its nouns: order, roster, admissions, fan-out; and the app code below it."""
