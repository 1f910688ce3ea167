"""A run as events of AG-UI 1.0 (https://docs.ag-ui.com): the mapping, and answers to interrupts."""
