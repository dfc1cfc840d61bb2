"""What the ward knows: corpora, ontologies, catalogues, reference ranges, red flags."""
