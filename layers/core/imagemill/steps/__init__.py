"""Steps of the flow that several functions take: they join adapters to the rules of the domain."""
