"""The few prebuilt hot statements: saving answers, submitting a form, noting a transfer."""
