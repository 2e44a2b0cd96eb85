"""What is agreed with partners about signatures, by date: what to do with a packet that is unsigned, changed and so on."""
