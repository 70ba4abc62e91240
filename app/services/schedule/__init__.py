"""From plan and dated facts to slots: enrolment, anchors, dispositions, exemptions."""
