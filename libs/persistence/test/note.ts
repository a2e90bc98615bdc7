import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('notes')
export class Note {
  @PrimaryColumn('text')
  sid = '';

  @Column({ type: 'varchar', length: '5' })
  shortText = '';

  @Column({ type: 'timestamptz', insert: false })
  writtenAt = new Date(0);
}
