"""What a map shows, without a screen: viewports, cells, panes, rulers, plain text."""
